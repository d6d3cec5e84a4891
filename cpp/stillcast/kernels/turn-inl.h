// Rotation of the small planes.
#if defined(STILLCAST_KERNELS_TURN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STILLCAST_KERNELS_TURN_INL_H_
#undef STILLCAST_KERNELS_TURN_INL_H_
#else
#define STILLCAST_KERNELS_TURN_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace stillcast {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Each of the four rounds moves one bit of a sample's row number into its column number and one back.
void transpose_block(const uint8_t* from, ptrdiff_t from_stride, uint8_t* to, ptrdiff_t to_stride) noexcept {
  const hn::FixedTag<uint8_t, 16> d;
  // Not std::array: its functions are compiled without this instruction set.
  hn::Vec<decltype(d)> rows[16];
  hn::Vec<decltype(d)> before[16];
  for (size_t i = 0; i < 16; ++i) rows[i] = hn::LoadU(d, from + static_cast<ptrdiff_t>(i) * from_stride);
  for (int round = 0; round < 4; ++round) {
    for (size_t i = 0; i < 16; ++i) before[i] = rows[i];
    for (size_t i = 0; i < 8; ++i) {
      rows[2 * i] = hn::InterleaveLower(d, before[i], before[i + 8]);
      rows[2 * i + 1] = hn::InterleaveUpper(d, before[i], before[i + 8]);
    }
  }
  for (size_t i = 0; i < 16; ++i) hn::StoreU(rows[i], d, to + static_cast<ptrdiff_t>(i) * to_stride);
}

void reverse_row(const uint8_t* from, int length, uint8_t* to) noexcept {
  const hn::FixedTag<uint8_t, 16> d;
  const auto order = hn::Sub(hn::Set(d, 15), hn::Iota(d, 0));
  int x = 0;
  for (; x + 16 <= length; x += 16) {
    hn::StoreU(hn::TableLookupBytes(hn::LoadU(d, from + length - 16 - x), order), d, to + x);
  }
  for (; x < length; ++x) to[x] = from[length - 1 - x];
}

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#endif
