// Weighted sums of neighbours: of rows that were summed, for any ratio, and of the source's bytes. Note [Windows] and
// Note [Short weights] have the ideas.
#if defined(STILLCAST_KERNELS_WEIGH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STILLCAST_KERNELS_WEIGH_INL_H_
#undef STILLCAST_KERNELS_WEIGH_INL_H_
#else
#define STILLCAST_KERNELS_WEIGH_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "stillcast/kernels/kernels.h"
#include "stillcast/kernels/pairs-inl.h"
#include "stillcast/kernels/row_windows.h"
#include "stillcast/kernels/source_windows.h"

#undef STILLCAST_WIDE_WINDOWS
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL
#define STILLCAST_WIDE_WINDOWS 1  // one instruction permutes the bytes of 64
// Machines of this target have it, but older Highway does not tell the compiler.
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512vnni")
#else
#define STILLCAST_WIDE_WINDOWS 0
HWY_BEFORE_NAMESPACE();
#endif
namespace stillcast {
namespace HWY_NAMESPACE {

#if STILLCAST_WIDE_WINDOWS

constexpr WindowShape kWindow{64, 1};
using WindowTag = hn::ScalableTag<int16_t>;
using ByteTag = hn::Repartition<uint8_t, WindowTag>;
using WeightTag = hn::Repartition<int8_t, WindowTag>;
using SumTag = hn::RepartitionToWide<WindowTag>;

template <class D, typename T>
HWY_INLINE hn::Vec<D> load_windows(D d, const T* from, const int32_t* starts) {
  return hn::LoadU(d, from + starts[0]);
}

HWY_INLINE hn::Vec<ByteTag> permuted(hn::Vec<ByteTag> bytes, hn::Vec<ByteTag> index) {
  return {_mm512_permutexvar_epi8(index.raw, bytes.raw)};
}

HWY_INLINE hn::Vec<SumTag> add_products(hn::Vec<WindowTag> a, hn::Vec<WindowTag> b, hn::Vec<SumTag> sums) {
  return {_mm512_dpwssd_epi32(sums.raw, a.raw, b.raw)};
}

// Adds products of bytes, a without sign, those of each group of four in one sum of 32 bits.
HWY_INLINE hn::Vec<WindowTag> add_mul_bytes(hn::Vec<ByteTag> a, hn::Vec<WeightTag> b, hn::Vec<WindowTag> sums) {
  return {_mm512_dpbusd_epi32(sums.raw, a.raw, b.raw)};
}

// One vector of cells.
template <int kParts, class Sums>
HWY_INLINE hn::Vec<SumTag> sums_of_cells(const Sums& sums, size_t window) {
  const SumTag d;
  if constexpr (kParts == 1) {
    return sums.at(window);
  } else if constexpr (kParts == 2) {
    const auto a = sums.at(window);
    const auto b = sums.at(window + 1);
    return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
  } else {
    const auto a = sums_of_cells<2>(sums, window);
    const auto b = sums_of_cells<2>(sums, window + 2);
    const hn::Vec<SumTag> even{_mm512_shuffle_i64x2(a.raw, b.raw, _MM_SHUFFLE(2, 0, 2, 0))};
    const hn::Vec<SumTag> odd{_mm512_shuffle_i64x2(a.raw, b.raw, _MM_SHUFFLE(3, 1, 3, 1))};
    return hn::Add(even, odd);
  }
}

// Narrowed, in order.
HWY_INLINE hn::Vec<WindowTag> narrowed(hn::Vec<SumTag> a, hn::Vec<SumTag> b) {
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  return {_mm512_permutexvar_epi64(order, _mm512_packs_epi32(a.raw, b.raw))};
}

#else

using WindowTag = hn::CappedTag<int16_t, 16>;
constexpr WindowShape kWindow{16, hn::MaxLanes(WindowTag()) / 8};
using ByteTag = hn::Repartition<uint8_t, WindowTag>;
using WeightTag = hn::Repartition<int8_t, WindowTag>;
using SumTag = hn::RepartitionToWide<WindowTag>;

template <class D, typename T>
HWY_INLINE hn::Vec<D> load_windows(D d, const T* from, const int32_t* starts) {
  if constexpr (kWindow.blocks == 1) {
    return hn::LoadU(d, from + starts[0]);
  } else {
    const hn::Half<D> block;
    return hn::Combine(d, hn::LoadU(block, from + starts[1]), hn::LoadU(block, from + starts[0]));
  }
}

HWY_INLINE hn::Vec<ByteTag> permuted(hn::Vec<ByteTag> bytes, hn::Vec<ByteTag> index) {
  return hn::TableLookupBytes(bytes, index);
}

HWY_INLINE hn::Vec<SumTag> add_products(hn::Vec<WindowTag> a, hn::Vec<WindowTag> b, hn::Vec<SumTag> sums) {
  return hn::Add(sums, mul_pairs(SumTag(), a, b));
}

// Adds products of bytes, a without sign, those of each group of four in two sums of 16 bits.
HWY_INLINE hn::Vec<WindowTag> add_mul_bytes(hn::Vec<ByteTag> a, hn::Vec<WeightTag> b, hn::Vec<WindowTag> sums) {
  return hn::Add(sums, mul_byte_pairs(WindowTag(), a, b));
}

// One vector of cells: in each block those of kParts windows.
template <int kParts, class Sums>
HWY_INLINE hn::Vec<SumTag> sums_of_cells(const Sums& sums, size_t window) {
  const SumTag d;
  const hn::RepartitionToWide<SumTag> d64;
  constexpr size_t kNext = kWindow.blocks;
  const auto halves_added = [&](auto a, auto b) {
    const auto wide_a = hn::BitCast(d64, a);
    const auto wide_b = hn::BitCast(d64, b);
    return hn::Add(hn::BitCast(d, hn::InterleaveLower(d64, wide_a, wide_b)),
                   hn::BitCast(d, hn::InterleaveUpper(d64, wide_a, wide_b)));
  };
  if constexpr (kParts == 1) {
    return sums.at(window);
  } else if constexpr (kParts == 2) {
    return halves_added(sums.at(window), sums.at(window + kNext));
  } else {
    const auto a = halves_added(sums.at(window), sums.at(window + 2 * kNext));
    const auto b = halves_added(sums.at(window + kNext), sums.at(window + 3 * kNext));
    return hn::OddEven(hn::Add(b, hn::Shuffle2301(b)), hn::Add(a, hn::Shuffle2301(a)));
  }
}

// Narrowing joins vectors block by block.
HWY_INLINE hn::Vec<WindowTag> narrowed(hn::Vec<SumTag> a, hn::Vec<SumTag> b) {
  return hn::ReorderDemote2To(WindowTag(), a, b);
}

#endif

// By the same number in each lane.
HWY_INLINE hn::Vec<SumTag> shifted_right(hn::Vec<SumTag> sums, int bits) {
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2  // no shift by lanes
  return hn::ShiftRightSame(sums, bits);
#else
  return hn::Shr(sums, hn::Set(SumTag(), bits));
#endif
}

// One vector of cells, of each of which a window has kParts partial sums. `Sums` has their windows and at(window), the
// partial sums of as many windows, from that one on, as a vector has blocks.
template <int kParts, class Sums>
HWY_INLINE hn::Vec<WindowTag> cells_of(const Sums& sums, size_t window) {
  const int shift = sums.windows.shift;
  const auto a = sums_of_cells<kParts>(sums, window);
  const auto b = sums_of_cells<kParts>(sums, window + kParts * kWindow.blocks);
  return narrowed(shifted_right(a, shift), shifted_right(b, shift));
}

// What kParts partial sums begin with, for the whole to be rounded.
template <int kParts>
HWY_INLINE hn::Vec<SumTag> rounding(int shift) {
  return hn::Set(SumTag(), (1 << (shift - 1)) / kParts);
}

// Windows of one vector of cells.
template <int kParts>
constexpr size_t kWindowsAtOnce = 2 * kParts * kWindow.blocks;

struct RowSums {
  const RowWindows& windows;
  const int16_t* from;
  hn::Vec<SumTag> start;

  [[nodiscard]] HWY_INLINE hn::Vec<SumTag> at(size_t window) const {
    const WindowTag d;
    const ByteTag d8;
    const auto samples = load_windows(d, from, &windows.starts[window]);
    const auto index = hn::LoadU(d8, &windows.indices[window * kWindow.bytes]);
    const auto weight = hn::LoadU(d, &windows.weights[window * kWindow.bytes / 2]);
    return add_products(hn::BitCast(d, permuted(hn::BitCast(d8, samples), index)), weight, start);
  }
};

// Both rows are weighed before one is stored: the compiler then sees that their windows are the same.
template <int kPairs>
HWY_INLINE void weigh_windows(const RowWindows& windows, const TwoRows& from, const std::array<int16_t*, 2>& to) {
  const WindowTag d;
  const auto start = rounding<kPairs>(windows.shift);
  const RowSums first{windows, from[0], start};
  const RowSums second{windows, from[1], start};
  size_t window = 0;
  for (int cell = 0; cell < windows.cells; cell += static_cast<int>(hn::Lanes(d)), window += kWindowsAtOnce<kPairs>) {
    const auto cells_of_first = cells_of<kPairs>(first, window);
    const auto cells_of_second = cells_of<kPairs>(second, window);
    hn::StoreU(cells_of_first, d, to[0] + cell);
    hn::StoreU(cells_of_second, d, to[1] + cell);
  }
}

HWY_INLINE void weigh_run(const RowWindows& windows, const int16_t* from, int16_t* to) {
  const hn::ScalableTag<int16_t> d;
  const hn::RepartitionToWide<decltype(d)> d32;
  const int16_t* weights = windows.weights.data();
  for (int cell = 0; cell < windows.cells; ++cell, weights += windows.run) {
    const int16_t* samples = from + windows.starts[static_cast<size_t>(cell)];
    auto sum = hn::Zero(d32);
    for (int i = 0; i < windows.run; i += static_cast<int>(hn::Lanes(d))) {
      sum = hn::Add(sum, mul_pairs(d32, hn::LoadU(d, samples + i), hn::LoadU(d, weights + i)));
    }
    const int32_t half = 1 << (windows.shift - 1);
    to[cell] = static_cast<int16_t>((hn::GetLane(hn::SumOfLanes(d32, sum)) + half) >> windows.shift);
  }
}

HWY_INLINE void weigh_runs(const RowWindows& windows, const TwoRows& from, const std::array<int16_t*, 2>& to) {
  for (size_t i = 0; i < from.size(); ++i) weigh_run(windows, from[i], to[i]);
}

void weigh_rows(const RowWindows& windows, const TwoRows& from, const std::array<int16_t*, 2>& to) noexcept {
  switch (windows.pairs) {
    case 1:
      return weigh_windows<1>(windows, from, to);
    case 2:
      return weigh_windows<2>(windows, from, to);
    case 4:
      return weigh_windows<4>(windows, from, to);
    default:
      return weigh_runs(windows, from, to);
  }
}

// Of kCount rows, or of any number if that is 0. kAlike says that all rows weigh 1.
template <size_t kCount, bool kAlike>
struct SourceSums {
  SourceSums(const SourceWindows& of, const WeightedRows& from, hn::Vec<SumTag> rounded_by)
      : windows(of),
        count(kCount == 0 ? static_cast<size_t>(from.count) : kCount),
        factor(hn::Set(WindowTag(), of.factor)),
        start(rounded_by) {
    for (size_t i = 0; i < count; ++i) {
      rows[i] = from.rows[i];
      weights[i] = of.weights_of(from.weights[i]);
    }
  }

  [[nodiscard]] HWY_INLINE hn::Vec<SumTag> at(size_t window) const {
    const ByteTag d8;
    const size_t byte = window * kWindow.bytes;
    const auto index = hn::LoadU(d8, &windows.indices[byte]);
    auto weight = hn::LoadU(WeightTag(), weights[0] + byte);
    auto sums = hn::Zero(WindowTag());
    for (size_t i = 0; i < (kCount == 0 ? count : kCount); ++i) {
      if (!kAlike) weight = hn::LoadU(WeightTag(), weights[i] + byte);
      sums = add_mul_bytes(permuted(load_windows(d8, rows[i], &windows.starts[window]), index), weight, sums);
    }
    return add_products(sums, factor, start);
  }

  HWY_INLINE void prefetch(size_t window, ptrdiff_t ahead) const {
    for (size_t i = 0; i < count; ++i) hwy::Prefetch(rows[i] + windows.starts[window] + ahead);
  }

  const SourceWindows& windows;
  size_t count;
  hn::Vec<WindowTag> factor;
  hn::Vec<SumTag> start;
  std::array<const uint8_t*, SourceWindows::kMostTaps> rows;
  std::array<const int8_t*, SourceWindows::kMostTaps> weights;
};

template <int kGroups, size_t kCount, bool kAlike>
HWY_INLINE void weigh_source_windows(const SourceWindows& windows, const WeightedRows& from, int16_t* to) {
  const WindowTag d;
  const SourceSums<kCount, kAlike> sums{windows, from, rounding<kGroups>(windows.shift)};
  size_t window = 0;
  for (int cell = 0; cell < windows.cells; cell += static_cast<int>(hn::Lanes(d)), window += kWindowsAtOnce<kGroups>) {
    sums.prefetch(window, from.ahead);
    sums.prefetch(window + kWindowsAtOnce<kGroups> / 2, from.ahead);
    hn::StoreU(cells_of<kGroups>(sums, window), d, to + cell);
  }
}

template <int kGroups, bool kAlike>
HWY_INLINE void weigh_source_rows(const SourceWindows& windows, const WeightedRows& from, int16_t* to) {
  switch (from.count) {
    case 1:
      return weigh_source_windows<kGroups, 1, kAlike>(windows, from, to);
    case 2:
      return weigh_source_windows<kGroups, 2, kAlike>(windows, from, to);
    case 3:
      return weigh_source_windows<kGroups, 3, kAlike>(windows, from, to);
    case 4:
      return weigh_source_windows<kGroups, 4, kAlike>(windows, from, to);
    default:
      return weigh_source_windows<kGroups, 0, kAlike>(windows, from, to);
  }
}

void weigh_source(const SourceWindows& windows, const WeightedRows& from, int16_t* to) noexcept {
  const bool alike = windows.rows_alike;
  if (windows.groups == 1) {
    return alike ? weigh_source_rows<1, true>(windows, from, to) : weigh_source_rows<1, false>(windows, from, to);
  }
  alike ? weigh_source_rows<2, true>(windows, from, to) : weigh_source_rows<2, false>(windows, from, to);
}

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#endif
