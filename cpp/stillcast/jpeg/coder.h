#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "stillcast/jpeg/block.h"
#include "stillcast/jpeg/code_table.h"
#include "stillcast/jpeg/quantiser.h"

namespace stillcast::jpeg {

// 16 rows of luma and 8 of each chroma, all of which can be read; so can their columns up to the next whole pair of
// MCUs, 32 of luma and 16 of chroma.
struct McuRow {
  const uint8_t* luma;
  const uint8_t* cb;
  const uint8_t* cr;
  ptrdiff_t luma_stride;
  ptrdiff_t chroma_stride;
  int mcus;
  // Blocks of luma that the picture has in a row, and whether it has both rows of them. In place of the missing ones
  // stand blocks that are as dark as the one before and have no AC: the cheapest.
  int luma_blocks;
  bool has_lower_blocks;
};

// Bits that do not fill a byte yet: the lowest `count` of `bits`.
struct BitRest {
  uint64_t bits = 0;
  int count = 0;
};

// The loops that the encoder's time goes into; see Note [Two phases]. Every set gives the same bytes; the reference is
// plain C++.
struct Coder {
  std::string_view name;
  ColumnOrder column_order;  // that `quantisers` are built for

  // Transforms and quantises the row's blocks and lists their codes. `last_dc` is carried from row to row. Writes
  // kListMargin codes behind the end at most.
  uint16_t* (*list_row)(const McuRow& row, const Quantisers& quantisers, std::array<int, 3>& last_dc,
                        uint16_t* codes) noexcept;
  // Writes what the codes stand for, no zero after an 0xFF yet. Lengthens the list by up to 3 that say nothing, and
  // writes kBytesMargin bytes behind the end at most. Returns the end of the bytes.
  uint8_t* (*write_bits)(const CodeTable& table, uint16_t* codes, uint16_t* end, BitRest& rest, uint8_t* to) noexcept;
  // Copies, with a zero after each 0xFF. Reads and writes kBytesMargin bytes behind the ends at most.
  uint8_t* (*stuff)(const uint8_t* from, const uint8_t* end, uint8_t* to) noexcept;
};

constexpr size_t kListMargin = 64;
constexpr size_t kBytesMargin = 64;

[[nodiscard]] const Coder& reference_coder() noexcept;
// Those that this machine can run, the best one first; none where it has no AVX2.
[[nodiscard]] std::span<const Coder> vector_coders() noexcept;

}  // namespace stillcast::jpeg
