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

constexpr int kRowsAtOnce = 4;

// Two vectors of sums at a time. kPlain says that all weights are 1, kMore that the sums have begun.
template <int kCount, bool kPlain, bool kMore>
HWY_INLINE void sum_exactly(const uint8_t* const* rows, const int16_t* weights, int length, ptrdiff_t ahead,
                            int16_t* sums) {
  const hn::ScalableTag<uint16_t> d;
  const hn::RebindToSigned<decltype(d)> di;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto weighted = [&](int i, int x) {
    const auto samples = promoted(d, rows[i] + x);
    hwy::Prefetch(rows[i] + x + ahead);
    return kPlain ? samples : hn::Mul(samples, hn::Set(d, static_cast<uint16_t>(weights[i])));
  };
  const auto sum_two = [&](int x) {
    auto a = weighted(0, x);
    auto b = weighted(0, x + lanes);
    if constexpr (kMore) {
      a = hn::Add(a, hn::BitCast(d, hn::LoadU(di, sums + x)));
      b = hn::Add(b, hn::BitCast(d, hn::LoadU(di, sums + x + lanes)));
    }
    for (int i = 1; i < kCount; ++i) {
      a = hn::Add(a, weighted(i, x));
      b = hn::Add(b, weighted(i, x + lanes));
    }
    return Two<decltype(a)>{a, b};
  };
  const auto store = [&](int x, auto two) {
    hn::StoreU(hn::BitCast(di, two.a), di, sums + x);
    hn::StoreU(hn::BitCast(di, two.b), di, sums + x + lanes);
  };
  const auto sum_one = [&](int x) {
    const int32_t more = sum_of_column(rows, weights, kCount, x);
    sums[x] = static_cast<int16_t>(kMore ? sums[x] + more : more);
  };
  cover_row(length, 2 * lanes, sum_two, store, sum_one);
}

template <bool kPlain, bool kMore>
HWY_INLINE void sum_some(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                         int16_t* sums) {
  switch (count) {
    case 1:
      return sum_exactly<1, kPlain, kMore>(rows, weights, length, ahead, sums);
    case 2:
      return sum_exactly<2, kPlain, kMore>(rows, weights, length, ahead, sums);
    case 3:
      return sum_exactly<3, kPlain, kMore>(rows, weights, length, ahead, sums);
    default:
      return sum_exactly<kRowsAtOnce, kPlain, kMore>(rows, weights, length, ahead, sums);
  }
}

// Many rows are summed some at a time: each is read along its length, as memory likes it, and the sums stay in the
// first-level cache.
template <bool kPlain>
HWY_INLINE void sum_counted(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
                            int16_t* sums) {
  sum_some<kPlain, false>(rows, weights, count, length, ahead, sums);
  for (int i = kRowsAtOnce; i < count; i += kRowsAtOnce) {
    sum_some<kPlain, true>(rows + i, weights + i, count - i, length, ahead, sums);
  }
}

void sum_rows(const uint8_t* const* rows, const int16_t* weights, int count, int length, ptrdiff_t ahead,
              int16_t* sums) noexcept {
  const bool plain = std::all_of(weights, weights + count, [](int16_t weight) { return weight == 1; });
  if (plain) return sum_counted<true>(rows, weights, count, length, ahead, sums);
  sum_counted<false>(rows, weights, count, length, ahead, sums);
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
