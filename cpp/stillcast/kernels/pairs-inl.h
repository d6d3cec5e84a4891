// Per-target include guard: this file is compiled once for each instruction set.
#if defined(STILLCAST_KERNELS_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STILLCAST_KERNELS_PAIRS_INL_H_
#undef STILLCAST_KERNELS_PAIRS_INL_H_
#else
#define STILLCAST_KERNELS_PAIRS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace stillcast {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// a[2i] * b[2i] + a[2i + 1] * b[2i + 1] in lane i.
template <class D32, class V16>
HWY_INLINE hn::Vec<D32> mul_pairs(D32 d32, V16 a, V16 b) {
  hn::Vec<D32> odd = hn::Zero(d32);
  const hn::Vec<D32> even = hn::ReorderWidenMulAccumulate(d32, a, b, hn::Zero(d32), odd);
  return hn::RearrangeToOddPlusEven(even, odd);
}

// The same of bytes, a without sign and b with; sums that 16 bits do not hold are not allowed for.
template <class D16, class V8, class W8>
HWY_INLINE hn::Vec<D16> mul_byte_pairs(D16 d16, V8 a, W8 b) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  if constexpr (hn::MaxLanes(d16) == 32) {
    return hn::Vec<D16>{_mm512_maddubs_epi16(a.raw, b.raw)};
  } else if constexpr (hn::MaxLanes(d16) == 16) {
    return hn::Vec<D16>{_mm256_maddubs_epi16(a.raw, b.raw)};
  } else {
    return hn::Vec<D16>{_mm_maddubs_epi16(a.raw, b.raw)};
  }
#else
  const hn::RebindToUnsigned<D16> du16;
  const auto bytes = hn::BitCast(du16, a);
  const auto weights = hn::BitCast(d16, b);
  const auto even = hn::BitCast(d16, hn::And(bytes, hn::Set(du16, 0x00FF)));
  const auto odd = hn::BitCast(d16, hn::ShiftRight<8>(bytes));
  return hn::Add(hn::Mul(even, hn::ShiftRight<8>(hn::ShiftLeft<8>(weights))), hn::Mul(odd, hn::ShiftRight<8>(weights)));
#endif
}

// (even, odd) in every pair of lanes.
template <class D16>
HWY_INLINE hn::Vec<D16> set_pairs(D16 d16, int16_t even, int16_t odd) {
  return hn::OddEven(hn::Set(d16, odd), hn::Set(d16, even));
}

// The same pairs, of lanes that hold values of 16 bits.
template <class V32>
HWY_INLINE auto pair_up(V32 even, V32 odd) {
  const hn::DFromV<V32> d32;
  const hn::Repartition<int16_t, decltype(d32)> d16;
  return hn::OddEven(hn::BitCast(d16, hn::ShiftLeft<16>(odd)), hn::BitCast(d16, even));
}

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#endif
