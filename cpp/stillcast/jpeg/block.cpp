#include "stillcast/jpeg/block.h"

#include <bit>

namespace stillcast::jpeg {

namespace {

constexpr int kRunMax = 15;

uint16_t* list_level(Kind kind, int level, int run, uint16_t* codes) noexcept {
  if (level >= -128 && level <= 127) {
    *codes++ = static_cast<uint16_t>(first_code(kind) + kAcCodes + level * 16 + run);
    return codes;
  }
  const int size = size_of(level);
  *codes++ = static_cast<uint16_t>(kSymbolCodes + static_cast<int>(kind) * kSymbolsOfKind + run * 16 + size);
  *codes++ = static_cast<uint16_t>(kBitsCodes + (1 << size) + static_cast<int>(extra_bits(level)));
  return codes;
}

}  // namespace

uint16_t* list_ac(Kind kind, const Block& block, uint16_t* codes) noexcept {
  int before = 0;
  for (uint64_t left = block.nonzero_ac(); left != 0; left &= left - 1) {
    const int at = std::countr_zero(left);
    int run = at - before - 1;
    before = at;
    for (; run > kRunMax; run -= kRunMax + 1) *codes++ = static_cast<uint16_t>(first_code(kind) + kSixteenZeros);
    const auto place = static_cast<size_t>(at);
    codes = list_level(kind, block.wide ? block.wide_levels[place] : block.levels[place], run, codes);
  }
  if (before != kBlockSamples - 1) *codes++ = static_cast<uint16_t>(first_code(kind) + kEndOfBlock);
  return codes;
}

}  // namespace stillcast::jpeg
