// The horizontal pass: weighted sums of neighbours, for any ratio. Note [Windows] has the idea.
#if defined(STILLCAST_KERNELS_WEIGH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STILLCAST_KERNELS_WEIGH_INL_H_
#undef STILLCAST_KERNELS_WEIGH_INL_H_
#else
#define STILLCAST_KERNELS_WEIGH_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "stillcast/kernels/kernels.h"
#include "stillcast/kernels/pairs-inl.h"
#include "stillcast/kernels/row_windows.h"

HWY_BEFORE_NAMESPACE();
namespace stillcast {
namespace HWY_NAMESPACE {

#undef STILLCAST_WIDE_WINDOWS
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL
#define STILLCAST_WIDE_WINDOWS 1  // one instruction permutes the bytes of 64
#else
#define STILLCAST_WIDE_WINDOWS 0
#endif

#if STILLCAST_WIDE_WINDOWS

constexpr int kWindowSamples = 32;
using WindowTag = hn::ScalableTag<int16_t>;
using SumTag = hn::RepartitionToWide<WindowTag>;

struct WindowSums {
  const RowWindows& windows;
  const int16_t* from;
  hn::Vec<SumTag> start;

  // Partial sums of one window, from `start` on.
  [[nodiscard]] HWY_INLINE hn::Vec<SumTag> at(size_t window) const {
    const WindowTag d;
    const auto samples = hn::LoadU(d, from + windows.starts[window]);
    const auto index = hn::LoadU(d, reinterpret_cast<const int16_t*>(&windows.indices[window * 64]));
    const auto weight = hn::LoadU(d, &windows.weights[window * 32]);
    const hn::Vec<WindowTag> permuted{_mm512_permutexvar_epi8(index.raw, samples.raw)};
    return hn::Add(start, mul_pairs(SumTag(), permuted, weight));
  }
};

// One vector of cells.
template <int kPairs>
HWY_INLINE hn::Vec<SumTag> sums_of_cells(const WindowSums& sums, size_t window) {
  const SumTag d;
  if constexpr (kPairs == 1) {
    return sums.at(window);
  } else if constexpr (kPairs == 2) {
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

constexpr int kWindowSamples = 8;
using WindowTag = hn::CappedTag<int16_t, 16>;  // a window in each block of 16 bytes
using SumTag = hn::RepartitionToWide<WindowTag>;

// A vector of one or two blocks.
template <class D, typename T>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* first, const T* second) {
  if constexpr (hn::MaxLanes(d) * sizeof(T) == 16) {
    return hn::LoadU(d, first);
  } else {
    const hn::Half<D> block;
    return hn::Combine(d, hn::LoadU(block, second), hn::LoadU(block, first));
  }
}

struct WindowSums {
  const RowWindows& windows;
  const int16_t* from;
  hn::Vec<SumTag> start;

  // Partial sums, from `start` on, of the windows `window` and, in the second block, `window + apart`.
  [[nodiscard]] HWY_INLINE hn::Vec<SumTag> at(size_t window, size_t apart) const {
    const WindowTag d;
    const hn::Repartition<uint8_t, WindowTag> d8;
    const int32_t* starts = windows.starts.data() + window;
    const uint8_t* indices = windows.indices.data() + 16 * window;
    const int16_t* weights = windows.weights.data() + 8 * window;
    const auto samples = load_blocks(d, from + starts[0], from + starts[apart]);
    const auto index = load_blocks(d8, indices, indices + 16 * apart);
    const auto weight = load_blocks(d, weights, weights + 8 * apart);
    const auto permuted = hn::BitCast(d, hn::TableLookupBytes(hn::BitCast(d8, samples), index));
    return hn::Add(start, mul_pairs(SumTag(), permuted, weight));
  }
};

// One vector of cells: in each block those of kPairs windows that follow each other.
template <int kPairs>
HWY_INLINE hn::Vec<SumTag> sums_of_cells(const WindowSums& sums, size_t window) {
  const SumTag d;
  const hn::RepartitionToWide<SumTag> d64;
  // What lies between two blocks is in the other vector: see narrowed().
  constexpr size_t kApart = hn::MaxLanes(d) == 4 ? 0 : 2 * kPairs;
  const auto halves_added = [&](auto a, auto b) {
    const auto wide_a = hn::BitCast(d64, a);
    const auto wide_b = hn::BitCast(d64, b);
    return hn::Add(hn::BitCast(d, hn::InterleaveLower(d64, wide_a, wide_b)),
                   hn::BitCast(d, hn::InterleaveUpper(d64, wide_a, wide_b)));
  };
  if constexpr (kPairs == 1) {
    return sums.at(window, kApart);
  } else if constexpr (kPairs == 2) {
    return halves_added(sums.at(window, kApart), sums.at(window + 1, kApart));
  } else {
    const auto a = halves_added(sums.at(window, kApart), sums.at(window + 2, kApart));
    const auto b = halves_added(sums.at(window + 1, kApart), sums.at(window + 3, kApart));
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

template <int kPairs>
HWY_INLINE hn::Vec<WindowTag> cells_of(const WindowSums& sums, size_t window) {
  const int shift = sums.windows.shift;
  const auto a = sums_of_cells<kPairs>(sums, window);
  const auto b = sums_of_cells<kPairs>(sums, window + kPairs);
  return narrowed(shifted_right(a, shift), shifted_right(b, shift));
}

// Both rows are weighed before one is stored: the compiler then sees that their windows are the same.
template <int kPairs>
HWY_INLINE void weigh_windows(const RowWindows& windows, const TwoRows& from, const std::array<int16_t*, 2>& to) {
  const WindowTag d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const size_t step = hn::Lanes(d) / static_cast<size_t>(windows.cells_per_window());
  const auto start = hn::Set(SumTag(), (1 << (windows.shift - 1)) / kPairs);
  const WindowSums first{windows, from[0], start};
  const WindowSums second{windows, from[1], start};
  size_t window = 0;
  for (int cell = 0; cell < windows.cells; cell += lanes, window += step) {
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

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#endif
