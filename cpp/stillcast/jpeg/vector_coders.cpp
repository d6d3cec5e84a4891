#include "stillcast/jpeg/vector_coders.h"

#include <array>
#include <cstddef>

namespace stillcast::jpeg {

namespace {

// Never destroyed: threads may encode until the process ends.
struct Supported {
  std::array<Coder, 2> coders;
  size_t count = 0;
};

Supported find_supported() noexcept {
  Supported found{};
#if STILLCAST_X86
  const bool has_avx2 = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
                        __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("avx2");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
                          __builtin_cpu_supports("avx512vnni");
  if (has_avx2 && has_avx512) found.coders[found.count++] = avx512_coder();
  if (has_avx2) found.coders[found.count++] = avx2_coder();
#endif
  return found;
}

}  // namespace

std::span<const Coder> vector_coders() noexcept {
  static const Supported found = find_supported();
  return {found.coders.data(), found.count};
}

}  // namespace stillcast::jpeg
