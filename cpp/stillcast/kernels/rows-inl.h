// Whole rows: vertical sums, and samples that take turns.
#if defined(STILLCAST_KERNELS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef STILLCAST_KERNELS_ROWS_INL_H_
#undef STILLCAST_KERNELS_ROWS_INL_H_
#else
#define STILLCAST_KERNELS_ROWS_INL_H_
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "stillcast/area_axis.h"
#include "stillcast/kernels/pairs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace stillcast {
namespace HWY_NAMESPACE {

// Calls store(x, sum(x)) for stretches that cover a row whose end must not be passed. The last one overlaps the one
// before, and is summed before any is stored: sums may build on what is there. (Where stretches fit it is summed for
// nothing, but to ask first measured 3 to 7 % of a still slower.) A row that is shorter than a vector is done by ones.
template <class Sum, class Store, class SumOne>
HWY_INLINE void cover_row(int length, int lanes, Sum sum, Store store, SumOne sum_one) {
  if (length < lanes) {
    for (int x = 0; x < length; ++x) sum_one(x);
    return;
  }
  const auto last = sum(length - lanes);
  for (int x = 0; x + lanes <= length; x += lanes) store(x, sum(x));
  store(length - lanes, last);
}

template <class V>
struct Two {
  V a;
  V b;
};

HWY_INLINE int32_t sum_of_column(const uint8_t* const* rows, const int16_t* weights, int count, int x) {
  int32_t sum = 0;
  for (int i = 0; i < count; ++i) sum += weights[i] * rows[i][x];
  return sum;
}

template <class D>
HWY_INLINE hn::Vec<D> promoted(D d, const uint8_t* from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<uint8_t, D>(), from));
}

// Sums of pairs of bytes of interleaved rows, in order: interleaving works block by block.
template <class V16>
HWY_INLINE Two<V16> in_order(V16 lower, V16 upper) {
  const hn::DFromV<V16> d;
  if constexpr (hn::MaxLanes(d) == 8) {
    return {lower, upper};
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  } else if constexpr (hn::MaxLanes(d) == 32) {
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    return {V16{_mm512_permutex2var_epi64(lower.raw, first, upper.raw)},
            V16{_mm512_permutex2var_epi64(lower.raw, second, upper.raw)}};
#endif
  } else {
    return {hn::ConcatLowerLower(d, upper, lower), hn::ConcatUpperUpper(d, upper, lower)};
  }
}

constexpr int kRowsAtOnce = 4;

// Of as many pairs of rows. Of an odd number of rows the last one goes with itself, weighed by nothing. kMore says that
// the sums have begun.
template <int kPairs, bool kMore>
HWY_INLINE void sum_pairs(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                          int16_t* sums) {
  const hn::ScalableTag<uint8_t> d8;
  const hn::Repartition<int16_t, decltype(d8)> d;
  const hn::Repartition<int8_t, decltype(d8)> di8;
  const int lanes = static_cast<int>(hn::Lanes(d));
  std::array<const uint8_t*, 2 * kPairs> row;
  hn::Vec<decltype(di8)> weight[kPairs];  // not std::array: its constructor is compiled without this instruction set
  for (int i = 0; i < 2 * kPairs; ++i) row[static_cast<size_t>(i)] = rows[std::min(i, count - 1)];
  for (int i = 0; i < kPairs; ++i) {
    const int below = 2 * i + 1 < count ? weights[2 * i + 1] : 0;
    weight[i] = hn::BitCast(di8, hn::Set(d, static_cast<int16_t>(weights[2 * i] + 256 * below)));
  }
  const auto sum = [&](int x) {
    auto lower = hn::Zero(d);
    auto upper = lower;
    for (size_t i = 0; i < kPairs; ++i) {
      const auto a = hn::LoadU(d8, row[2 * i] + x);
      const auto b = hn::LoadU(d8, row[2 * i + 1] + x);
      hwy::Prefetch(row[2 * i] + x + ahead);
      hwy::Prefetch(row[2 * i + 1] + x + ahead);
      lower = hn::Add(lower, mul_byte_pairs(d, hn::InterleaveLower(a, b), weight[i]));
      upper = hn::Add(upper, mul_byte_pairs(d, hn::InterleaveUpper(d8, a, b), weight[i]));
    }
    auto two = in_order(lower, upper);
    if constexpr (kMore) {
      two.a = hn::Add(two.a, hn::LoadU(d, sums + x));
      two.b = hn::Add(two.b, hn::LoadU(d, sums + x + lanes));
    }
    return two;
  };
  const auto store = [&](int x, auto two) {
    hn::StoreU(two.a, d, sums + x);
    hn::StoreU(two.b, d, sums + x + lanes);
  };
  const auto sum_one = [&](int x) {
    const int32_t more = sum_of_column(rows, weights, std::min(count, 2 * kPairs), x);
    sums[x] = static_cast<int16_t>(kMore ? sums[x] + more : more);
  };
  cover_row(length, 2 * lanes, sum, store, sum_one);
}

template <bool kMore>
HWY_INLINE void sum_some(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                         int16_t* sums) {
  if (count <= 2) return sum_pairs<1, kMore>(rows, weights, count, length, ahead, sums);
  sum_pairs<2, kMore>(rows, weights, count, length, ahead, sums);
}

// Many rows are summed some at a time: each is read along its length, as memory likes it, and the sums stay in the
// first-level cache.
void sum_rows(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
              int16_t* sums) noexcept {
  sum_some<false>(rows, weights, count, length, ahead, sums);
  for (int i = kRowsAtOnce; i < count; i += kRowsAtOnce) {
    sum_some<true>(rows + i, weights + i, count - i, length, ahead, sums);
  }
}

void sum_rows_fine(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                   int16_t* sums) noexcept {
  constexpr int32_t kHalf = 1 << (kFineDropBits - 1);
  const hn::ScalableTag<int16_t> d;
  const hn::RepartitionToWide<decltype(d)> d32;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto sum = [&](int x) {
    auto low = hn::Set(d32, kHalf);
    auto high = low;
    for (int i = 0; i < count; i += 2) {
      // Of an odd number of rows the last one goes with itself, weighed by nothing.
      const int next = std::min(i + 1, count - 1);
      const auto weight = set_pairs(d, weights[i], next == i ? int16_t{0} : weights[next]);
      const auto above = promoted(d, rows[i] + x);
      hwy::Prefetch(rows[i] + x + ahead);
      hwy::Prefetch(rows[next] + x + ahead);
      const auto below = promoted(d, rows[next] + x);
      low = hn::Add(low, mul_pairs(d32, hn::InterleaveLower(d, above, below), weight));
      high = hn::Add(high, mul_pairs(d32, hn::InterleaveUpper(d, above, below), weight));
    }
    // Narrowing puts in order again, block by block, what interleaving took apart.
    return hn::ReorderDemote2To(d, hn::ShiftRight<kFineDropBits>(low), hn::ShiftRight<kFineDropBits>(high));
  };
  const auto store = [&](int x, auto narrowed) { hn::StoreU(narrowed, d, sums + x); };
  const auto sum_one = [&](int x) {
    sums[x] = static_cast<int16_t>((sum_of_column(rows, weights, count, x) + kHalf) >> kFineDropBits);
  };
  cover_row(length, lanes, sum, store, sum_one);
}

void split(const int16_t* from, int step, int length, const std::array<int16_t*, 4>& to) noexcept {
  const hn::ScalableTag<int16_t> d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  auto a = hn::Zero(d);
  auto b = a;
  auto c = a;
  auto e = a;
  for (int x = 0; x < length; x += lanes) {
    if (step == 2) {
      hn::LoadInterleaved2(d, from + 2 * x, a, b);
    } else if (step == 3) {
      hn::LoadInterleaved3(d, from + 3 * x, a, b, c);
    } else {
      hn::LoadInterleaved4(d, from + 4 * x, a, b, c, e);
    }
    hn::StoreU(a, d, to[0] + x);
    hn::StoreU(b, d, to[1] + x);
    if (step >= 3) hn::StoreU(c, d, to[2] + x);
    if (step >= 4) hn::StoreU(e, d, to[3] + x);
  }
}

void average(const int16_t* a, const int16_t* b, int length, int16_t* to) noexcept {
  const hn::ScalableTag<int16_t> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  for (int x = 0; x < length; x += static_cast<int>(hn::Lanes(d))) {
    const auto mean = hn::AverageRound(hn::BitCast(du, hn::LoadU(d, a + x)), hn::BitCast(du, hn::LoadU(d, b + x)));
    hn::StoreU(hn::BitCast(d, mean), d, to + x);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace stillcast
HWY_AFTER_NAMESPACE();

#endif
