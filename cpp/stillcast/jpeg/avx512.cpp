// Plain intrinsics, and not Highway as for the other kernels: three steps that make this fast (multiply-add of pairs of
// words in one instruction, sums of pairs of bytes, permutation of words of two vectors) are not in Highway 1.0.3,
// which Debian 12 has.

#include "stillcast/jpeg/vector_coders.h"

#if STILLCAST_X86

#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "stillcast/jpeg/dct.h"

#define INLINE HWY_INLINE

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own header has what it warns of: _mm512_undefined
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

HWY_PUSH_ATTRIBUTES("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512vnni")

namespace stillcast::jpeg {

namespace {

using V = __m512i;
constexpr int kBlocks = 4;  // in a vector

INLINE V add16(V a, V b) { return _mm512_add_epi16(a, b); }
INLINE V sub16(V a, V b) { return _mm512_sub_epi16(a, b); }
INLINE V zip_low16(V a, V b) { return _mm512_unpacklo_epi16(a, b); }
INLINE V zip_high16(V a, V b) { return _mm512_unpackhi_epi16(a, b); }
INLINE V zip_low32(V a, V b) { return _mm512_unpacklo_epi32(a, b); }
INLINE V zip_high32(V a, V b) { return _mm512_unpackhi_epi32(a, b); }
INLINE V zip_low64(V a, V b) { return _mm512_unpacklo_epi64(a, b); }
INLINE V zip_high64(V a, V b) { return _mm512_unpackhi_epi64(a, b); }
INLINE V shuffle8(V bytes, V order) { return _mm512_shuffle_epi8(bytes, order); }
INLINE V all16(int value) { return _mm512_set1_epi16(static_cast<short>(value)); }
INLINE V all32(int value) { return _mm512_set1_epi32(value); }
template <typename... Bytes>
INLINE V all_blocks(Bytes... bytes) {
  return _mm512_broadcast_i32x4(_mm_setr_epi8(static_cast<char>(bytes)...));
}
INLINE V load(const uint16_t* from) { return _mm512_load_si512(from); }
INLINE void store(V words, int16_t* to) { _mm512_store_si512(to, words); }
INLINE V multiply_add(V sum, V a, V b) { return _mm512_dpwssd_epi32(sum, a, b); }
INLINE V add_bytes(V bytes, V factors) { return _mm512_maddubs_epi16(bytes, factors); }
INLINE V absolute16(V a) { return _mm512_abs_epi16(a); }
INLINE V multiply_high16(V a, V b) { return _mm512_mulhi_epu16(a, b); }
template <int kBits>
INLINE V shift_right16(V a) {
  return _mm512_srai_epi16(a, kBits);
}
INLINE V either(V a, V b) { return _mm512_or_si512(a, b); }
INLINE bool none_of(V a, V mask) { return _mm512_test_epi16_mask(a, mask) == 0; }
INLINE V load_bytes(const uint8_t* from) { return _mm512_loadu_si512(from); }
INLINE void store_bytes(V bytes, uint8_t* to) { _mm512_storeu_si512(to, bytes); }
// A bit a byte that is 0xFF, the lowest for the first.
INLINE uint64_t full_bytes(V bytes) { return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(-1)); }
// The first word of each block becomes zero.
INLINE V without_first(V a) { return _mm512_maskz_mov_epi16(0xFEFEFEFE, a); }
INLINE V with_sign(V magnitude, V of) {
  return _mm512_mask_sub_epi16(magnitude, _mm512_movepi16_mask(of), _mm512_setzero_si512(), magnitude);
}

// In each half, the quarters that were apart come together.
INLINE V together(V a) { return _mm512_permutex_epi64(a, _MM_SHUFFLE(3, 1, 2, 0)); }

// The high words of `a` and `b`, taken in turns.
INLINE V high_words(V a, V b) {
  const V order = _mm512_set_epi16(63, 31, 61, 29, 59, 27, 57, 25, 55, 23, 53, 21, 51, 19, 49, 17,  //
                                   47, 15, 45, 13, 43, 11, 41, 9, 39, 7, 37, 5, 35, 3, 33, 1);
  return _mm512_permutex2var_epi16(a, order, b);
}

// Of each block of 16 bytes, the high words of `low`, then those of `high`.
INLINE V high_words_in_order(V low, V high) {
  const V order = _mm512_set_epi16(63, 61, 59, 57, 31, 29, 27, 25, 55, 53, 51, 49, 23, 21, 19, 17,  //
                                   47, 45, 43, 41, 15, 13, 11, 9, 39, 37, 35, 33, 7, 5, 3, 1);
  return _mm512_permutex2var_epi16(low, order, high);
}

constexpr int place_of(int /*row*/, int column) noexcept { return column; }

#include "stillcast/jpeg/transform-inl.h"

INLINE __m256i load_rows(const uint8_t* samples, ptrdiff_t stride) {
  const auto* first = reinterpret_cast<const __m128i*>(samples);
  const auto* fifth = reinterpret_cast<const __m128i*>(samples + 4 * stride);
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)), _mm_loadu_si128(fifth), 1);
}

// Four blocks: two, and two more.
INLINE void load_blocks(const uint8_t* first, const uint8_t* second, ptrdiff_t stride, V* rows) {
  for (int k = 0; k < 4; ++k) {
    rows[k] = _mm512_inserti64x4(_mm512_castsi256_si512(load_rows(first + k * stride, stride)),
                                 load_rows(second + k * stride, stride), 1);
  }
}

// Bytes of four blocks, row after row: each block to a vector of its own.
INLINE void separate(const V* row, V* block) {
  const V rows01 = _mm512_packs_epi16(row[0], row[1]);
  const V rows23 = _mm512_packs_epi16(row[2], row[3]);
  const V rows45 = _mm512_packs_epi16(row[4], row[5]);
  const V rows67 = _mm512_packs_epi16(row[6], row[7]);
  const V upper01 = _mm512_shuffle_i32x4(rows01, rows23, 0x44);
  const V upper23 = _mm512_shuffle_i32x4(rows01, rows23, 0xEE);
  const V lower01 = _mm512_shuffle_i32x4(rows45, rows67, 0x44);
  const V lower23 = _mm512_shuffle_i32x4(rows45, rows67, 0xEE);
  block[0] = _mm512_shuffle_i32x4(upper01, lower01, 0x88);
  block[1] = _mm512_shuffle_i32x4(upper01, lower01, 0xDD);
  block[2] = _mm512_shuffle_i32x4(upper23, lower23, 0x88);
  block[3] = _mm512_shuffle_i32x4(upper23, lower23, 0xDD);
}

INLINE void finish(V* row, const Quantiser& quantiser, Block* const* blocks) {
  const bool narrow = quantise(row, quantiser);
  alignas(64) int16_t first_row[sizeof(V) / 2];
  store(row[0], first_row);
  V levels[kBlocks];
  separate(row, levels);
  const V zigzag = _mm512_loadu_si512(kZigzag.data());
  for (int i = 0; i < kBlocks; ++i) {
    Block& block = *blocks[i];
    const V ordered = _mm512_permutexvar_epi8(zigzag, levels[i]);
    _mm512_store_si512(block.levels.data(), ordered);
    block.nonzero = _mm512_test_epi8_mask(ordered, ordered);
    block.dc = first_row[i * kBlockSize];
    block.wide = !narrow;
  }
  if (!narrow) [[unlikely]]
    store_wide(row, blocks);
}

using PairBlock = Block;
using PairOfMcus = std::array<PairBlock, 12>;

// Stage by stage for all twelve blocks: three chains of instructions that do not wait for each other.
void transform_pair(const McuRow& row, int mcu, const Quantisers& quantisers, PairOfMcus& blocks) noexcept {
  const uint8_t* luma = row.luma + 16 * mcu;
  const ptrdiff_t below = 8 * row.luma_stride;
  V rows[4];
  V group[3][8];
  load_blocks(luma, luma + below, row.luma_stride, rows);
  transform_rows(rows, group[0]);
  load_blocks(luma + 16, luma + 16 + below, row.luma_stride, rows);
  transform_rows(rows, group[1]);
  load_blocks(row.cb + 8 * mcu, row.cr + 8 * mcu, row.chroma_stride, rows);
  transform_rows(rows, group[2]);
  for (auto& lines : group) transform_columns(lines);
  for (size_t i = 0; i < 3; ++i) {
    Block* const four[] = {&blocks[4 * i], &blocks[4 * i + 1], &blocks[4 * i + 2], &blocks[4 * i + 3]};
    finish(group[i], quantisers[i / 2], four);
  }
}

// AC codes of 32 levels and the runs before them.
INLINE V codes_of(__m256i levels, __m256i runs, V first) {
  const V level = _mm512_slli_epi16(_mm512_cvtepi8_epi16(levels), 4);
  return _mm512_add_epi16(level, _mm512_add_epi16(_mm512_cvtepi8_epi16(runs), first));
}

// The levels that are not zero are pushed together, and so are their places; a run is what lies between two places.
// Behind the last one stands level 0 with run 1, the end of the block.
INLINE uint16_t* list_block(Kind kind, const Block& block, int& last_dc, uint16_t* codes) {
  codes = list_dc(kind, block, last_dc, codes);
  const uint64_t nonzero = block.nonzero_ac();
  if (block.wide || has_long_run(nonzero)) [[unlikely]]
    return list_ac(kind, block, codes);
  alignas(64) static constexpr auto kPlaces = [] {
    std::array<uint8_t, kBlockSamples> places{};
    for (size_t i = 0; i < places.size(); ++i) places[i] = static_cast<uint8_t>(i);
    return places;
  }();
  const V one = _mm512_set1_epi8(1);
  const V place = _mm512_load_si512(kPlaces.data());
  const auto count = static_cast<unsigned>(std::popcount(nonzero));
  const V levels = _mm512_maskz_compress_epi8(nonzero, _mm512_load_si512(block.levels.data()));
  const V places = _mm512_maskz_compress_epi8(nonzero, place);
  const V after_last = _mm512_maskz_compress_epi8(nonzero | 1, _mm512_add_epi8(place, one));
  const V runs = _mm512_mask_sub_epi8(one, _bzhi_u64(~uint64_t{0}, count), places, after_last);
  const V first = all16(first_code(kind) + kAcCodes);
  _mm512_storeu_si512(codes, codes_of(_mm512_castsi512_si256(levels), _mm512_castsi512_si256(runs), first));
  if (count >= 32) [[unlikely]] {
    _mm512_storeu_si512(codes + 32,
                        codes_of(_mm512_extracti64x4_epi64(levels, 1), _mm512_extracti64x4_epi64(runs, 1), first));
  }
  const bool ends_early = nonzero >> (kBlockSamples - 1) == 0;
  return codes + count + (ends_early ? 1 : 0);
}

#include "stillcast/jpeg/bits-inl.h"
#include "stillcast/jpeg/list_row-inl.h"

}  // namespace

const Coder& avx512_coder() noexcept {
  static constexpr Coder kCoder{"AVX-512", kInOrder, list_row, write_bits, stuff};
  return kCoder;
}

}  // namespace stillcast::jpeg

HWY_POP_ATTRIBUTES

#endif
