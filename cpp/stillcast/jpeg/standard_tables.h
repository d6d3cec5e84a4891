#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

// The tables that ITU-T T.81 (1992) prints, which libjpeg and everybody after it made the usual ones.
namespace stillcast::jpeg {

// Of luma, and of both chroma.
enum class Kind : uint8_t { kLuma, kChroma };
constexpr int kKinds = 2;

constexpr int kBlockSize = 8;  // samples, either way
constexpr int kBlockSamples = 64;

// Where in a block's rows the coefficients lie, from the lowest frequencies to the highest (figure A.6).
inline constexpr std::array<uint8_t, kBlockSamples> kZigzag = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,   //
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,  //
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,  //
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// Steps of quantisation at IJG quality 50, row after row (tables K.1 and K.2).
using Steps = std::array<uint8_t, kBlockSamples>;
[[nodiscard]] const Steps& base_steps(Kind kind) noexcept;

// How many codes there are of each length from 1 to 16 bits, and the symbols in the order of their codes (K.3 to K.6).
struct HuffmanSpec {
  std::array<uint8_t, 16> lengths;
  std::array<uint8_t, 162> symbols;
  int count;
};
[[nodiscard]] const HuffmanSpec& dc_codes(Kind kind) noexcept;
[[nodiscard]] const HuffmanSpec& ac_codes(Kind kind) noexcept;

}  // namespace stillcast::jpeg
