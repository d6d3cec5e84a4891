// Plain intrinsics, and not Highway as for the other kernels, so that both instruction sets share one shape; avx512.cpp
// says what Highway lacks.

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

HWY_PUSH_ATTRIBUTES("avx2,bmi,bmi2,popcnt")

namespace stillcast::jpeg {

namespace {

using V = __m256i;
constexpr int kBlocks = 2;  // in a vector

INLINE V add16(V a, V b) { return _mm256_add_epi16(a, b); }
INLINE V sub16(V a, V b) { return _mm256_sub_epi16(a, b); }
INLINE V zip_low16(V a, V b) { return _mm256_unpacklo_epi16(a, b); }
INLINE V zip_high16(V a, V b) { return _mm256_unpackhi_epi16(a, b); }
INLINE V zip_low32(V a, V b) { return _mm256_unpacklo_epi32(a, b); }
INLINE V zip_high32(V a, V b) { return _mm256_unpackhi_epi32(a, b); }
INLINE V zip_low64(V a, V b) { return _mm256_unpacklo_epi64(a, b); }
INLINE V zip_high64(V a, V b) { return _mm256_unpackhi_epi64(a, b); }
INLINE V shuffle8(V bytes, V order) { return _mm256_shuffle_epi8(bytes, order); }
INLINE V all16(int value) { return _mm256_set1_epi16(static_cast<short>(value)); }
INLINE V all32(int value) { return _mm256_set1_epi32(value); }
template <typename... Bytes>
INLINE V all_blocks(Bytes... bytes) {
  return _mm256_broadcastsi128_si256(_mm_setr_epi8(static_cast<char>(bytes)...));
}
INLINE V load(const uint16_t* from) { return _mm256_load_si256(reinterpret_cast<const V*>(from)); }
INLINE void store(V words, int16_t* to) { _mm256_store_si256(reinterpret_cast<V*>(to), words); }
INLINE V multiply_add(V sum, V a, V b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }
INLINE V add_bytes(V bytes, V factors) { return _mm256_maddubs_epi16(bytes, factors); }
INLINE V absolute16(V a) { return _mm256_abs_epi16(a); }
INLINE V multiply_high16(V a, V b) { return _mm256_mulhi_epu16(a, b); }
template <int kBits>
INLINE V shift_right16(V a) {
  return _mm256_srai_epi16(a, kBits);
}
INLINE V either(V a, V b) { return _mm256_or_si256(a, b); }
INLINE bool none_of(V a, V mask) { return _mm256_testz_si256(a, mask) != 0; }
INLINE V load_bytes(const uint8_t* from) { return _mm256_loadu_si256(reinterpret_cast<const V*>(from)); }
INLINE void store_bytes(V bytes, uint8_t* to) { _mm256_storeu_si256(reinterpret_cast<V*>(to), bytes); }
// A bit a byte that is 0xFF, the lowest for the first.
INLINE uint64_t full_bytes(V bytes) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(-1))));
}
// The first word of each block becomes zero.
INLINE V without_first(V a) { return _mm256_blend_epi16(a, _mm256_setzero_si256(), 0x01); }
INLINE V with_sign(V magnitude, V of) { return _mm256_sign_epi16(magnitude, of); }

// The quarters that were apart come together.
INLINE V together(V a) { return _mm256_permute4x64_epi64(a, _MM_SHUFFLE(3, 1, 2, 0)); }

// The high words of `a` and `b`, taken in turns.
INLINE V high_words(V a, V b) { return _mm256_blend_epi16(_mm256_srli_epi32(a, 16), b, 0xAA); }

// The order that costs least: those of `low` and of `high` in turns too.
INLINE V high_words_in_order(V low, V high) { return high_words(low, high); }
constexpr ColumnOrder kColumnOrder = {0, 4, 1, 5, 2, 6, 3, 7};
constexpr int place_of(int row, int column) noexcept {
  int place = 0;
  while (column_at(kColumnOrder, row, place) != column) ++place;
  return place;
}

#include "stillcast/jpeg/transform-inl.h"

// Two blocks.
INLINE void load_blocks(const uint8_t* samples, ptrdiff_t stride, V* rows) {
  for (int k = 0; k < 4; ++k, samples += stride) {
    const auto* first = reinterpret_cast<const __m128i*>(samples);
    const auto* fifth = reinterpret_cast<const __m128i*>(samples + 4 * stride);
    rows[k] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)), _mm_loadu_si128(fifth), 1);
  }
}

// The levels that are not zero, and their places, both pushed together.
struct PairBlock : Block {
  unsigned count;
  std::array<uint8_t, 96> places;  // from the second one on; the first is that of DC
  std::array<int8_t, 80> packed;
};
using PairOfMcus = std::array<PairBlock, 12>;

// Two rows of 8 bytes hold 16 of the 64 levels. Where in them each quarter of the zigzag finds what it takes of such a
// pair; 0x80 where it takes nothing.
using Orders = std::array<std::array<std::array<uint8_t, 16>, 4>, 4>;  // by quarter, then by pair of rows
constexpr Orders kOrders = [] {
  Orders orders{};
  for (size_t i = 0; i < kZigzag.size(); ++i) {
    const int row = kZigzag[i] / kBlockSize;
    const int place = row % 2 * kBlockSize + place_of(row, kZigzag[i] % kBlockSize);
    for (int pair = 0; pair < 4; ++pair) {
      orders[i / 16][static_cast<size_t>(pair)][i % 16] = static_cast<uint8_t>(pair == row / 2 ? place : 0x80);
    }
  }
  return orders;
}();

INLINE V picked(V rows, size_t quarter, size_t pair) {
  const auto* order = reinterpret_cast<const __m128i*>(kOrders[quarter][pair].data());
  return shuffle8(rows, _mm256_broadcastsi128_si256(_mm_loadu_si128(order)));
}

INLINE uint32_t nonzero_of(V bytes) {
  return ~static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())));
}

INLINE void store_levels(V first, V second, Block& block) {
  auto* to = reinterpret_cast<V*>(block.levels.data());
  _mm256_store_si256(to, first);
  _mm256_store_si256(to + 1, second);
  block.nonzero = nonzero_of(first) | static_cast<uint64_t>(nonzero_of(second)) << 32;
}

// Levels of two blocks in the order of the zigzag. Its first quarter has nothing of the last two rows, its last one
// nothing of the first two.
INLINE void store_zigzag(const V* row, Block& one, Block& other) {
  const V rows01 = _mm256_packs_epi16(row[0], row[1]);
  const V rows23 = _mm256_packs_epi16(row[2], row[3]);
  const V rows45 = _mm256_packs_epi16(row[4], row[5]);
  const V rows67 = _mm256_packs_epi16(row[6], row[7]);
  const V quarter0 = either(either(picked(rows01, 0, 0), picked(rows23, 0, 1)), picked(rows45, 0, 2));
  const V quarter1 =
      either(either(picked(rows01, 1, 0), picked(rows23, 1, 1)), either(picked(rows45, 1, 2), picked(rows67, 1, 3)));
  const V quarter2 =
      either(either(picked(rows01, 2, 0), picked(rows23, 2, 1)), either(picked(rows45, 2, 2), picked(rows67, 2, 3)));
  const V quarter3 = either(either(picked(rows23, 3, 1), picked(rows45, 3, 2)), picked(rows67, 3, 3));
  store_levels(_mm256_permute2x128_si256(quarter0, quarter1, 0x20), _mm256_permute2x128_si256(quarter2, quarter3, 0x20),
               one);
  store_levels(_mm256_permute2x128_si256(quarter0, quarter1, 0x31), _mm256_permute2x128_si256(quarter2, quarter3, 0x31),
               other);
}

INLINE void finish(V* row, const Quantiser& quantiser, PairBlock& one, PairBlock& other) {
  const bool narrow = quantise(row, quantiser);
  one.wide = other.wide = !narrow;
  one.dc = static_cast<int16_t>(_mm256_extract_epi16(row[0], 0));
  other.dc = static_cast<int16_t>(_mm256_extract_epi16(row[0], kBlockSize));
  store_zigzag(row, one, other);
  if (!narrow) [[unlikely]] {
    Block* const two[] = {&one, &other};
    store_wide(row, two);
  }
}

// For each set of eight: the numbers of its members, one after the other.
constexpr auto kMembers = [] {
  std::array<std::array<uint8_t, 8>, 256> members{};
  for (size_t set = 0; set < members.size(); ++set) {
    size_t count = 0;
    for (uint8_t i = 0; i < 8; ++i) {
      if ((set >> i & 1) != 0) members[set][count++] = i;
    }
  }
  return members;
}();

// Eight levels at a time. Behind the last one stands level 0, two places further: the end of the block after a run
// of 1.
INLINE void pack(PairBlock& block) {
  const uint64_t nonzero = block.nonzero_ac();
  unsigned count = 0;
  for (unsigned i = 0; i < kBlockSamples; i += 8) {
    const uint8_t set = static_cast<uint8_t>(nonzero >> i);
    const __m128i members = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kMembers[set].data()));
    const __m128i levels = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(&block.levels[i]));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&block.packed[count]), _mm_shuffle_epi8(levels, members));
    const __m128i places = _mm_add_epi8(members, _mm_set1_epi8(static_cast<char>(i)));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&block.places[1 + count]), places);
    count += static_cast<unsigned>(std::popcount(set));
  }
  block.places[0] = 0;
  block.packed[count] = 0;
  block.places[1 + count] = static_cast<uint8_t>(std::bit_width(nonzero | 1) + 1);
  block.count = count;
}

// Three chains of instructions that do not wait for each other, twice. All blocks are packed before one is listed, so
// that what was just written in pieces is not read as a whole too soon.
void transform_pair(const McuRow& row, int mcu, const Quantisers& quantisers, PairOfMcus& blocks) noexcept {
  const uint8_t* luma = row.luma + 16 * mcu;
  for (size_t half = 0; half < 2; ++half, luma += 8 * row.luma_stride) {
    V rows[4];
    V group[3][8];
    load_blocks(luma, row.luma_stride, rows);
    transform_rows(rows, group[0]);
    load_blocks(luma + 16, row.luma_stride, rows);
    transform_rows(rows, group[1]);
    load_blocks((half == 0 ? row.cb : row.cr) + 8 * mcu, row.chroma_stride, rows);
    transform_rows(rows, group[2]);
    for (auto& lines : group) transform_columns(lines);
    finish(group[0], quantisers[0], blocks[2 * half], blocks[2 * half + 1]);
    finish(group[1], quantisers[0], blocks[4 + 2 * half], blocks[4 + 2 * half + 1]);
    finish(group[2], quantisers[1], blocks[8 + 2 * half], blocks[8 + 2 * half + 1]);
  }
  for (PairBlock& block : blocks) pack(block);
}

// A run is what lies between two places, less one.
INLINE uint16_t* list_block(Kind kind, const PairBlock& block, int& last_dc, uint16_t* codes) {
  codes = list_dc(kind, block, last_dc, codes);
  const uint64_t nonzero = block.nonzero_ac();
  if (block.wide || has_long_run(nonzero)) [[unlikely]]
    return list_ac(kind, block, codes);
  const V first = all16(first_code(kind) + kAcCodes - 1);
  const auto list = [&](size_t at) {
    const auto* places = reinterpret_cast<const __m128i*>(&block.places[at + 1]);
    const auto* before = reinterpret_cast<const __m128i*>(&block.places[at]);
    const auto* levels = reinterpret_cast<const __m128i*>(&block.packed[at]);
    const __m128i apart = _mm_sub_epi8(_mm_loadu_si128(places), _mm_loadu_si128(before));
    const V level = _mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(levels)), 4);
    const V code = add16(level, add16(_mm256_cvtepi8_epi16(apart), first));
    _mm256_storeu_si256(reinterpret_cast<V*>(codes + at), code);
  };
  list(0);
  list(16);
  if (block.count >= 32) [[unlikely]] {
    list(32);
    list(48);
  }
  const bool ends_early = nonzero >> (kBlockSamples - 1) == 0;
  return codes + block.count + (ends_early ? 1 : 0);
}

#include "stillcast/jpeg/bits-inl.h"
#include "stillcast/jpeg/list_row-inl.h"

}  // namespace

const Coder& avx2_coder() noexcept {
  static constexpr Coder kCoder{"AVX2", kColumnOrder, list_row, write_bits, stuff};
  return kCoder;
}

}  // namespace stillcast::jpeg

HWY_POP_ATTRIBUTES

#endif
