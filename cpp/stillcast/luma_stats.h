#pragma once

#include <array>
#include <cstdint>

#include "stillcast/frame.h"
#include "stillcast/kernels/kernels.h"

namespace stillcast {

struct LumaStats {
  double mean = 0;       // 0 to 255
  double deviation = 0;  // standard deviation, 0 to 127.5
  uint64_t dhash = 0;    // see LumaMeter
};

// Measures the luma of a picture row by row, while the row is in the first-level cache.
//
// The hash is the difference hash over 9x8 area means: a bit is set where a cell is darker than its right neighbour,
// means rounded to 1/128 of a level, row by row from the most significant bit. Flat pictures give 0.
//
// Note [Cells by integrals]
// The area under a row up to an edge between two cells is the sum of the whole samples before it and a part of the one
// that it cuts; a cell is the difference of two such areas. With ninths of a sample and eighths of a row all of them
// are whole numbers, whatever the size, smaller than 9x8 too.
class LumaMeter {
 public:
  explicit LumaMeter(const Kernels& kernels = best_kernels()) : kernels_(kernels) {}

  // Begins a picture of this size, each side at least 1.
  void start(Size size) noexcept;
  // The next row, padded like those of a Plane; as many as the picture has.
  void add(const uint8_t* row) noexcept;
  [[nodiscard]] LumaStats finish() const noexcept;

 private:
  static constexpr int kColumns = 9;
  static constexpr int kRows = 8;

  struct Edge {
    size_t sample = 0;  // that it cuts
    uint32_t part = 0;  // of it that lies before the edge, in ninths; 0 where it cuts none
  };

  void end_cells() noexcept;

  const Kernels& kernels_;
  Size size_;
  std::array<int, kColumns> ends_{};  // of the stretches of whole samples between edges
  std::array<Edge, kColumns> edges_{};
  int left_ = 0;                            // of this row of cells, in eighths of a row
  std::array<uint64_t, kColumns> areas_{};  // so far in this row of cells, up to the right edge of each
  uint64_t sum_ = 0;
  uint64_t squares_ = 0;
  uint64_t hash_ = 0;
};

}  // namespace stillcast
