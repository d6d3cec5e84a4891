#include "stillcast/jpeg/vector_coders.h"

#include <vector>

namespace stillcast::jpeg {

namespace {

std::vector<Coder> supported() {
  std::vector<Coder> coders;
#if STILLCAST_X86
  // avx512vbmi2 came after all the others that are used; the operating system's part is looked at too.
  const bool has_bit_instructions = __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool has_avx2 = has_bit_instructions && __builtin_cpu_supports("avx2");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2") &&
                          __builtin_cpu_supports("avx512vnni");
  if (has_avx2 && has_avx512) coders.push_back(avx512_coder());
  if (has_avx2) coders.push_back(avx2_coder());
#endif
  return coders;
}

}  // namespace

std::span<const Coder> vector_coders() noexcept {
  static const std::vector<Coder> coders = supported();
  return coders;
}

}  // namespace stillcast::jpeg
