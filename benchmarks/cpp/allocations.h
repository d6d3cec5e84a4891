#pragma once

#include <cstdint>

namespace stillcast::benchmarks {

// Every malloc, calloc and realloc of this thread so far, of operator new and of libraries too. 0 where the C library
// is not glibc.
[[nodiscard]] int64_t allocations() noexcept;

}  // namespace stillcast::benchmarks
