#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stillcast {

// Note [Area weights]
// Each destination cell is the mean of the source that it covers. Along one axis every border of a cell or a sample is
// a whole number in units of 1/cells of a luma pixel, so the weights, the lengths of the overlaps, are whole numbers
// too: divided by what they have in common, 1:1:1 at 3:1, 4:4:1 and 3:4:2 and so on at 9:4. The two axes are separable.
//
// Vertical sums with a total of weights up to kExactTotal fit into 15 bits and are exact. Others take weights that are
// rounded to 14 bits, cumulatively so that they sum to exactly 2^14, and keep 7 bits below the level. The horizontal
// weights carry the division by both totals: fixed point, rounded cumulatively, so that a flat picture stays flat.
// Their sums are exact, and rounded once, to kScaledBits.
constexpr int kExactTotal = 128;
constexpr int kFineBits = 14;
constexpr int kFineDropBits = kFineBits - 7;  // kExactTotal is 2^7: both kinds of sums fill 15 bits

// How one axis of a component is divided among destination cells.
class AreaAxis {
 public:
  struct Span {
    int first;   // source sample
    int count;   // samples covered
    int weight;  // index of the first weight
  };

  // `extent` is the length of the axis in luma pixels, of which one sample spans `sub`: the last chroma sample of an
  // odd picture is covered half only.
  void build(int extent, int sub, int cells);

  [[nodiscard]] int cells() const noexcept { return static_cast<int>(spans_.size()); }
  // What the weights of every cell sum to, 16,384 at most.
  [[nodiscard]] int total() const noexcept { return total_; }
  // The largest weight.
  [[nodiscard]] int longest() const noexcept { return longest_; }
  // The most samples that a cell covers.
  [[nodiscard]] int taps() const noexcept { return taps_; }
  [[nodiscard]] const Span& span(int cell) const noexcept { return spans_[static_cast<size_t>(cell)]; }
  [[nodiscard]] const int16_t* weights(const Span& span) const noexcept {
    return &weights_[static_cast<size_t>(span.weight)];
  }

  // Rounds the weights so that they sum to 2^kFineBits.
  void make_fine() noexcept;

 private:
  int total_ = 0;
  int longest_ = 0;
  int taps_ = 0;
  std::vector<Span> spans_;
  std::vector<int16_t> weights_;
};

}  // namespace stillcast
