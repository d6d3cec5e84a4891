// Colour conversion and statistics of the small picture.
#if defined(STILLCAST_KERNELS_PIXELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STILLCAST_KERNELS_PIXELS_INL_H_
#undef STILLCAST_KERNELS_PIXELS_INL_H_
#else
#define STILLCAST_KERNELS_PIXELS_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "stillcast/colour.h"
#include "stillcast/kernels/kernels.h"
#include "stillcast/kernels/pairs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stillcast {
namespace HWY_NAMESPACE {

// Clamped levels of lanes that have kScaledBits below the level, from which 128 levels were taken.
template <class V16>
HWY_INLINE void store_biased(V16 fixed, uint8_t* to) {
  static_assert(YccTransform::kBias == 128);
  const hn::Rebind<int8_t, hn::DFromV<V16>> d8;
  const hn::RebindToUnsigned<decltype(d8)> du8;
  const auto levels = hn::DemoteTo(d8, hn::ShiftRight<kScaledBits>(fixed));
  hn::StoreU(hn::Xor(hn::BitCast(du8, levels), hn::Set(du8, 0x80)), du8, to);
}

// Each lane twice.
template <class D16, class Half>
HWY_INLINE hn::Vec<D16> doubled(D16 d16, Half lanes) {
  const hn::Repartition<uint32_t, D16> d32;
  const auto wide = hn::PromoteTo(d32, hn::BitCast(hn::Rebind<uint16_t, decltype(d32)>(), lanes));
  return hn::BitCast(d16, hn::Or(wide, hn::ShiftLeft<16>(wide)));
}

void convert_ycc(const YccTransform& t, const ScaledRows& from, int pairs, const PictureRows& to) noexcept {
  const hn::ScalableTag<int16_t> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Half<decltype(d)> half;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto neutral = hn::Set(d, int16_t{-32768});
  const auto chroma_offset = hn::Set(d, int16_t{YccTransform::kHalf});
  const auto gain = hn::Set(du, t.luma_gain);
  for (int x = 0; x < pairs; x += lanes) {
    const auto from_neutral = [&](const int16_t* row) {
      const auto chroma = hn::LoadU(d, row + x);
      return hn::Xor(hn::Add(chroma, chroma), neutral);
    };
    const auto cb = from_neutral(from.row[1][0]);
    const auto cr = from_neutral(from.row[2][0]);
    const auto combined = [&](int16_t of_cb, int16_t of_cr, auto offset) {
      return hn::Add(hn::MulFixedPoint15(cb, hn::Set(d, of_cb)),
                     hn::Add(hn::MulFixedPoint15(cr, hn::Set(d, of_cr)), offset));
    };
    const auto chroma_part = combined(t.luma_of_cb, t.luma_of_cr, hn::Set(d, t.luma_offset));
    const std::array<hn::Vec<decltype(d)>, 2> added{doubled(d, hn::LowerHalf(half, chroma_part)),
                                                    doubled(d, hn::UpperHalf(half, chroma_part))};
    for (size_t y = 0; y < 2; ++y) {
      for (int i = 0; i < 2; ++i) {
        const int at = 2 * x + i * lanes;
        const auto luma = hn::BitCast(du, hn::LoadU(d, from.row[0][y] + at));
        const auto scaled = hn::BitCast(d, hn::MulHigh(hn::Add(luma, luma), gain));
        store_biased(hn::Add(scaled, added[static_cast<size_t>(i)]), to.luma[y] + at);
      }
    }
    store_biased(combined(t.cb_of_cb, t.cb_of_cr, chroma_offset), to.cb + x);
    store_biased(combined(t.cr_of_cb, t.cr_of_cr, chroma_offset), to.cr + x);
  }
}

constexpr int32_t kHalfLevel = 1 << (RgbTransform::kFractionBits - 1);

// Luma of one row of R, G and B.
void convert_rgb_luma(const RgbTransform& t, const ScaledRows& from, size_t y, int pairs, uint8_t* to) {
  const hn::ScalableTag<int16_t> d;
  const hn::RepartitionToWide<decltype(d)> d32;
  const hn::Rebind<uint8_t, decltype(d)> d8;
  for (int x = 0; x < pairs; x += static_cast<int>(hn::Lanes(d32))) {
    auto even = hn::Set(d32, t.offset[0] + kHalfLevel);
    auto odd = even;
    for (size_t i = 0; i < 3; ++i) {
      const auto samples = hn::LoadU(d, from.row[i][y] + 2 * x);
      even = hn::Add(even, mul_pairs(d32, samples, set_pairs(d, t.matrix[0][i], 0)));
      odd = hn::Add(odd, mul_pairs(d32, samples, set_pairs(d, 0, t.matrix[0][i])));
    }
    constexpr int kBits = RgbTransform::kFractionBits;
    const auto levels = pair_up(hn::ShiftRight<kBits>(even), hn::ShiftRight<kBits>(odd));
    hn::StoreU(hn::DemoteTo(d8, levels), d8, to + 2 * x);
  }
}

// Cb or Cr of the means of two rows and two columns.
void convert_rgb_chroma(const RgbTransform& t, const ScaledRows& from, size_t out, int pairs, uint8_t* to) {
  const hn::ScalableTag<int16_t> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RepartitionToWide<decltype(d)> d32;
  const hn::Rebind<uint8_t, decltype(d32)> d8;
  for (int x = 0; x < pairs; x += static_cast<int>(hn::Lanes(d32))) {
    auto twice = hn::Set(d32, 2 * (t.offset[out] + kHalfLevel));
    for (size_t i = 0; i < 3; ++i) {
      const auto above = hn::BitCast(du, hn::LoadU(d, from.row[i][0] + 2 * x));
      const auto below = hn::BitCast(du, hn::LoadU(d, from.row[i][1] + 2 * x));
      const auto mean = hn::BitCast(d, hn::AverageRound(above, below));
      twice = hn::Add(twice, mul_pairs(d32, mean, hn::Set(d, t.matrix[out][i])));
    }
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<RgbTransform::kFractionBits + 1>(twice)), d8, to + x);
  }
}

void convert_rgb(const RgbTransform& t, const ScaledRows& from, int pairs, const PictureRows& to) noexcept {
  for (size_t y = 0; y < 2; ++y) convert_rgb_luma(t, from, y, pairs, to.luma[y]);
  convert_rgb_chroma(t, from, 1, pairs, to.cb);
  convert_rgb_chroma(t, from, 2, pairs, to.cr);
}

// Calls use(levels) for the vectors of a stretch of a row, zero beyond its end.
template <class D8, class Use>
HWY_INLINE void for_levels(D8 d8, const uint8_t* row, int from, int end, Use use) {
  const int lanes = static_cast<int>(hn::Lanes(d8));
  int x = from;
  for (; x + lanes <= end; x += lanes) use(hn::LoadU(d8, row + x));
  if (x < end) use(hn::IfThenElseZero(hn::FirstN(d8, static_cast<size_t>(end - x)), hn::LoadU(d8, row + x)));
}

LumaSums sum_luma(const uint8_t* row, const std::array<int, LumaSums::kStretches>& ends) noexcept {
  const hn::ScalableTag<uint8_t> d8;
  const hn::Repartition<uint64_t, decltype(d8)> d64;
  const hn::Repartition<uint16_t, decltype(d8)> du16;
  const hn::Repartition<int16_t, decltype(d8)> d16;
  const hn::Repartition<int32_t, decltype(d8)> d32;
  LumaSums sums;
  int from = 0;
  for (size_t i = 0; i < ends.size(); from = ends[i++]) {
    auto sum = hn::Zero(d64);
    for_levels(d8, row, from, ends[i], [&](auto levels) { sum = hn::Add(sum, hn::SumsOf8(levels)); });
    sums.stretches[i] = static_cast<uint32_t>(hn::GetLane(hn::SumOfLanes(d64, sum)));
  }
  auto squares = hn::Zero(d32);  // of a row of 16,384 they fit
  for_levels(d8, row, 0, ends.back(), [&](auto levels) {
    const auto pairs = hn::BitCast(du16, levels);
    const auto even = hn::BitCast(d16, hn::And(pairs, hn::Set(du16, 0x00FF)));
    const auto odd = hn::BitCast(d16, hn::ShiftRight<8>(pairs));
    squares = hn::Add(squares, hn::Add(mul_pairs(d32, even, even), mul_pairs(d32, odd, odd)));
  });
  sums.squares = static_cast<uint64_t>(hn::GetLane(hn::SumOfLanes(d32, squares)));
  return sums;
}

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#endif
