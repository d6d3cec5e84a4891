#include "stillcast/kernels/row_windows.h"

#include <algorithm>
#include <cstdlib>

#include "stillcast/colour.h"

namespace stillcast {

namespace {

constexpr int kLeastShift = 3;
constexpr int64_t kMostWeight = 32767;

constexpr int round_up(int value, int step) noexcept { return (value + step - 1) / step * step; }

}  // namespace

bool RowWindows::build(const AreaAxis& axis, int vertical_total, const WindowShape& window_shape) {
  shape = window_shape;
  cells = axis.cells();
  if (!choose_scale(axis, vertical_total)) return false;
  for (pairs = 1; pairs <= 4; pairs *= 2) {
    if (!fits(axis)) continue;
    build_windows(axis);
    return true;
  }
  pairs = 0;
  build_runs(axis);
  return true;
}

// As many bits as weights of 15 and sums of 31 leave room for.
bool RowWindows::choose_scale(const AreaAxis& axis, int vertical_total) noexcept {
  for (shift = kMostShift; shift >= kLeastShift; --shift) {
    const int64_t one = int64_t{1} << (kScaledBits + shift);
    total_ = (one + vertical_total / 2) / vertical_total;
    if (total_ * axis.longest() / axis.total() < kMostWeight) {
      return 255 * std::abs(total_ * vertical_total - one) < int64_t{1} << (shift - 1);
    }
  }
  return false;
}

bool RowWindows::fits(const AreaAxis& axis) const noexcept {
  if (axis.taps() > 2 * pairs) return false;
  for (int cell = 0; cell < cells; cell += cells_per_window()) {
    const AreaAxis::Span& last = axis.span(std::min(cell + cells_per_window(), cells) - 1);
    if (last.first + last.count - axis.span(cell).first > samples()) return false;
  }
  return true;
}

void RowWindows::build_windows(const AreaAxis& axis) {
  const int windows = whole_windows(cells, cells_per_window());
  starts.assign(static_cast<size_t>(windows), 0);
  indices.assign(static_cast<size_t>(2 * samples()) * static_cast<size_t>(windows), 0);
  weights.assign(static_cast<size_t>(samples()) * static_cast<size_t>(windows), 0);
  for (int cell = 0; cell < cells; ++cell) {
    const size_t window = place_of_window(shape, pairs, cell / cells_per_window());
    const int place = cell % cells_per_window();
    if (place == 0) starts[window] = axis.span(cell).first;
    const int first = axis.span(cell).first - starts[window];
    for_each_weight(axis, cell, [&](int tap, int16_t weight) {
      const int to = 2 * (tap / 2 * cells_per_window() + place) + tap % 2;
      const size_t sample = window * static_cast<size_t>(samples()) + static_cast<size_t>(to);
      indices[2 * sample] = static_cast<uint8_t>(2 * (first + tap));
      indices[2 * sample + 1] = static_cast<uint8_t>(2 * (first + tap) + 1);
      weights[sample] = weight;
    });
  }
}

void RowWindows::build_runs(const AreaAxis& axis) {
  run = round_up(axis.taps(), kRunStep);
  indices.clear();
  starts.assign(static_cast<size_t>(cells), 0);
  weights.assign(static_cast<size_t>(run) * static_cast<size_t>(cells), 0);
  for (int cell = 0; cell < cells; ++cell) {
    starts[static_cast<size_t>(cell)] = axis.span(cell).first;
    int16_t* to = &weights[static_cast<size_t>(cell) * static_cast<size_t>(run)];
    for_each_weight(axis, cell, [to](int tap, int16_t weight) { to[tap] = weight; });
  }
}

// The cell's share of total_, rounded cumulatively.
template <typename Use>
void RowWindows::for_each_weight(const AreaAxis& axis, int cell, Use use) const {
  const AreaAxis::Span& span = axis.span(cell);
  int64_t covered = 0;
  int64_t given = 0;
  for (int tap = 0; tap < span.count; ++tap) {
    covered += axis.weights(span)[tap];
    const int64_t due = (total_ * covered + axis.total() / 2) / axis.total();
    use(tap, static_cast<int16_t>(due - given));
    given = due;
  }
}

}  // namespace stillcast
