#pragma once

#include <array>
#include <cstdint>

#include "stillcast/jpeg/standard_tables.h"

namespace stillcast::jpeg {

// Which column of a block's row each place of a vector holds: what is cheapest to make differs from one instruction set
// to the other. Rows 0 and 4 are in order everywhere.
using ColumnOrder = std::array<uint8_t, kBlockSize>;
inline constexpr ColumnOrder kInOrder = {0, 1, 2, 3, 4, 5, 6, 7};

[[nodiscard]] constexpr int column_at(const ColumnOrder& order, int row, int place) noexcept {
  return row % 4 == 0 ? place : order[static_cast<size_t>(place)];
}

// The steps of one kind of component at one quality, and what divides by them.
//
// A coefficient of the transform is eight times too large, so that it is divided by 8 * step. Rounded as libjpeg-turbo
// rounds: ((magnitude + bias) * reciprocal >> 16) * scale >> 16, in unsigned words.
struct Quantiser {
  // `quality` is IJG's, 1 to 100.
  void build(Kind kind, int quality, const ColumnOrder& order) noexcept;

  // The columns of a row, repeated for as many blocks as the widest vector holds.
  static constexpr int kCopies = 4;
  using Words = std::array<uint16_t, kCopies * kBlockSize>;
  struct Row {
    Words bias;
    Words reciprocal;
    Words scale;
  };

  alignas(64) std::array<Row, kBlockSize> rows;
  Steps steps;  // row after row, 1 to 255
};

using Quantisers = std::array<Quantiser, kKinds>;

}  // namespace stillcast::jpeg
