#pragma once

#include <array>
#include <cstdint>

#include "stillcast/jpeg/code_table.h"

namespace stillcast::jpeg {

// A block that was transformed and quantised, its 64 levels from the lowest frequency to the highest.
struct Block {
  // Of AC; the first place is not used. In 8 bits unless the block is wide.
  alignas(64) std::array<int8_t, kBlockSamples> levels;
  std::array<int16_t, kBlockSamples> wide_levels;
  uint64_t nonzero;  // a bit a level, the lowest for the first; that of DC means nothing
  int dc;
  bool wide;  // a level does not fit into 8 bits, of this block or of another one in the same vector

  [[nodiscard]] uint64_t nonzero_ac() const noexcept { return nonzero & ~uint64_t{1}; }
};

// How many codes a block can have: 63 levels of two codes each, DC and the end.
constexpr int kBlockCodesMax = 2 * (kBlockSamples - 1) + 2;
// Every code and its bits belong to one coefficient; runs only make them fewer.
constexpr int kBlockBytesMax = kBlockSamples * kCoefficientBitsMax / 8;

// Lists the code of DC, of which `last_dc` is what the block before it had, and becomes what this one has.
inline uint16_t* list_dc(Kind kind, const Block& block, int& last_dc, uint16_t* codes) noexcept {
  *codes++ = static_cast<uint16_t>(first_code(kind) + kDcCodes + block.dc - last_dc);
  last_dc = block.dc;
  return codes;
}

// Lists the codes of AC one after the other: whatever levels and runs there are. Returns the end of the list.
uint16_t* list_ac(Kind kind, const Block& block, uint16_t* codes) noexcept;

// Whether sixteen zeros in a row stand before a level; then a code of level and run cannot say it.
inline bool has_long_run(uint64_t nonzero_ac) noexcept {
  const uint64_t before_last = nonzero_ac == 0 ? 0 : (uint64_t{1} << (63 - __builtin_clzll(nonzero_ac))) - 1;
  uint64_t zeros = ~(nonzero_ac | 1) & before_last;
  zeros &= zeros >> 1;
  zeros &= zeros >> 2;
  zeros &= zeros >> 4;
  zeros &= zeros >> 8;
  return zeros != 0;
}

}  // namespace stillcast::jpeg
