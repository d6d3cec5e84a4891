#pragma once

#include "stillcast/jpeg/coder.h"

#if defined(__x86_64__)
#define STILLCAST_X86 1
#else
#define STILLCAST_X86 0
#endif

namespace stillcast::jpeg {

// Each for machines that have it. See vector_coders() for those that this one has.
[[nodiscard]] const Coder& avx2_coder() noexcept;
[[nodiscard]] const Coder& avx512_coder() noexcept;

}  // namespace stillcast::jpeg
