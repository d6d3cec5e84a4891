#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/dct.h"

namespace stillcast::jpeg {

namespace {

using Coefficients = std::array<int32_t, kBlockSamples>;

// One row or column, in place.
void transform_line(Coefficients& block, size_t first, size_t step, int drop_bits) noexcept {
  const auto at = [&](size_t i) -> int32_t& { return block[first + i * step]; };
  std::array<int32_t, 4> sum;
  std::array<int32_t, 4> difference;
  for (size_t i = 0; i < 4; ++i) {
    sum[i] = at(i) + at(7 - i);
    difference[i] = at(i) - at(7 - i);
  }
  const auto put = [&](size_t i, int32_t product) { at(i) = (product + (1 << (drop_bits - 1))) >> drop_bits; };
  put(0, (sum[0] + sum[3] + sum[1] + sum[2]) * (1 << kDctFractionBits));
  put(4, (sum[0] + sum[3] - sum[1] - sum[2]) * (1 << kDctFractionBits));
  for (size_t i = 0; i < 2; ++i) {
    put(2 + 4 * i, kEvenMatrix[i][0] * (sum[0] - sum[3]) + kEvenMatrix[i][1] * (sum[1] - sum[2]));
  }
  for (size_t i = 0; i < 4; ++i) {
    int32_t product = 0;
    for (size_t k = 0; k < 4; ++k) product += kOddMatrix[i][k] * difference[k];
    put(2 * i + 1, product);
  }
}

Coefficients transform(const uint8_t* samples, ptrdiff_t stride) noexcept {
  Coefficients block;
  for (size_t i = 0; i < block.size(); ++i) {
    block[i] = samples[static_cast<ptrdiff_t>(i / kBlockSize) * stride + static_cast<ptrdiff_t>(i % kBlockSize)] -
               kMiddleLevel;
  }
  for (size_t row = 0; row < kBlockSize; ++row) transform_line(block, row * kBlockSize, 1, kDropAfterRows);
  for (size_t column = 0; column < kBlockSize; ++column) transform_line(block, column, kBlockSize, kDropAfterColumns);
  return block;
}

int quantised(int32_t coefficient, const Quantiser& quantiser, size_t at) noexcept {
  const Quantiser::Row& row = quantiser.rows[at / kBlockSize];
  const size_t column = at % kBlockSize;
  auto magnitude = static_cast<uint32_t>(std::abs(coefficient));
  magnitude = (magnitude + row.bias[column]) * row.reciprocal[column] >> 16;
  const int level = static_cast<int>(magnitude * row.scale[column] >> 16);
  return coefficient < 0 ? -level : level;
}

void make_block(const uint8_t* samples, ptrdiff_t stride, const Quantiser& quantiser, Block& block) noexcept {
  const Coefficients coefficients = transform(samples, stride);
  block.nonzero = 0;
  block.wide = true;
  for (size_t i = 0; i < kZigzag.size(); ++i) {
    const int level = quantised(coefficients[kZigzag[i]], quantiser, kZigzag[i]);
    block.wide_levels[i] = static_cast<int16_t>(level);
    block.nonzero |= static_cast<uint64_t>(level != 0) << i;
  }
  block.dc = block.wide_levels[0];
}

using PairBlock = Block;
using PairOfMcus = std::array<PairBlock, 12>;

void transform_pair(const McuRow& row, int mcu, const Quantisers& quantisers, PairOfMcus& blocks) noexcept {
  const auto [luma, chroma] = std::array{&quantisers[0], &quantisers[1]};
  for (int i = 0; i < 8; ++i) {
    const uint8_t* samples = row.luma + 16 * mcu + 16 * (i / 4) + 8 * (i % 2) + (i / 2 % 2) * 8 * row.luma_stride;
    make_block(samples, row.luma_stride, *luma, blocks[static_cast<size_t>(i)]);
  }
  for (int i = 0; i < 2; ++i) {
    const int column = 8 * (mcu + i);
    make_block(row.cb + column, row.chroma_stride, *chroma, blocks[static_cast<size_t>(8 + i)]);
    make_block(row.cr + column, row.chroma_stride, *chroma, blocks[static_cast<size_t>(10 + i)]);
  }
}

uint16_t* list_block(Kind kind, const Block& block, int& last_dc, uint16_t* codes) noexcept {
  return list_ac(kind, block, list_dc(kind, block, last_dc, codes));
}

#include "stillcast/jpeg/list_row-inl.h"

uint8_t* write_bits(const CodeTable& table, uint16_t* codes, uint16_t* end, BitRest& rest, uint8_t* to) noexcept {
  for (const uint16_t* code = codes; code < end; ++code) {
    const uint32_t entry = table[*code];
    const auto length = static_cast<int>(entry & kLengthMask);
    rest.bits = rest.bits << length | entry >> kLengthBits;
    for (rest.count += length; rest.count >= 8; rest.count -= 8) {
      *to++ = static_cast<uint8_t>(rest.bits >> (rest.count - 8));
    }
  }
  return to;
}

uint8_t* stuff(const uint8_t* from, const uint8_t* end, uint8_t* to) noexcept {
  for (; from < end; ++from) {
    *to++ = *from;
    if (*from == 0xFF) *to++ = 0;
  }
  return to;
}

}  // namespace

const Coder& reference_coder() noexcept {
  static constexpr Coder kReference{"reference", kInOrder, list_row, write_bits, stuff};
  return kReference;
}

}  // namespace stillcast::jpeg
