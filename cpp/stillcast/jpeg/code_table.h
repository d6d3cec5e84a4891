#pragma once

#include <array>
#include <cstdint>

#include "stillcast/jpeg/standard_tables.h"

namespace stillcast::jpeg {

// Note [Two phases]
// Entropy coding walks from one coefficient that is not zero to the next and writes, for each, a Huffman code and some
// more bits. Done block by block, each block ends a loop at a number of rounds that nobody can foretell, and a core
// that guessed wrong throws away what it had begun.
//
// So it is done in two phases for a whole row of MCUs. The first lists *codes*, each 16 bits wide, and hardly ever
// branches on what is in a block: a level and the run of zeros before it are one number, level * 16 + run. The second
// takes the list in one long loop, four codes at a time, and looks up in one table what each of them writes. The loop's
// length is that of the list.
//
// The codes of luma come first, then those of chroma, then what no single code can say:
//
//   kAcCodes + level * 16 + run    levels -128 to 127 after 0 to 15 zeros; the sixteen of level 0 are free, see below
//   kDcCodes + difference          of DC, -2047 to 2047
//   kSymbolCodes + run * 16 + size a Huffman code alone, for a level that does not fit
//   kBitsCodes + (1 << size) + bits  the bits alone that go with it
constexpr int kAcCodes = 2048;
constexpr int kDcCodes = 6144;
constexpr int kCodesOfKind = 8192;
constexpr int kSymbolCodes = kKinds * kCodesOfKind;
constexpr int kSymbolsOfKind = 256;
constexpr int kBitsCodes = kSymbolCodes + kKinds * kSymbolsOfKind;
constexpr int kCodes = kBitsCodes + 2048;

// Among the codes of AC level 0.
constexpr int kNothing = kAcCodes;  // writes nothing
constexpr int kEndOfBlock = kAcCodes + 1;
constexpr int kSixteenZeros = kAcCodes + 15;

constexpr int first_code(Kind kind) noexcept { return static_cast<int>(kind) * kCodesOfKind; }

// A magnitude's bits as T.81 (F.1.2) has them: of a negative level those of level - 1.
[[nodiscard]] int size_of(int level) noexcept;
[[nodiscard]] uint32_t extra_bits(int level) noexcept;

// What each code writes: bits << kLengthBits | length. A coefficient comes to 26 bits at most, a Huffman code of 16 and
// a magnitude of 10.
constexpr int kLengthBits = 6;
constexpr uint32_t kLengthMask = (1U << kLengthBits) - 1;
constexpr int kCoefficientBitsMax = 26;
using CodeTable = std::array<uint32_t, kCodes>;

// Of the standard Huffman codes; made when it is first asked for.
[[nodiscard]] const CodeTable& standard_codes() noexcept;

}  // namespace stillcast::jpeg
