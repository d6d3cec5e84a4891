#include "stillcast/kernels/source_windows.h"

#include <algorithm>
#include <cstdlib>

#include "stillcast/colour.h"
#include "stillcast/kernels/row_windows.h"

namespace stillcast {

namespace {

constexpr int kTapsOfGroup = 4;

// Samples of a row that cell `cell` covers; lanes take turns.
const AreaAxis::Span& span_of(const AreaAxis& horizontal, const SampleLayout& layout, int cell) noexcept {
  return horizontal.span(cell / layout.lanes);
}

// Where sample `sample` of the cell's lane lies.
int byte_of(const SampleLayout& layout, int cell, int sample) noexcept {
  return sample * layout.step_bytes + layout.offset_bytes + cell % layout.lanes;
}

int first_byte(const AreaAxis& horizontal, const SampleLayout& layout, int cell) noexcept {
  return byte_of(layout, cell, span_of(horizontal, layout, cell).first);
}

int last_byte(const AreaAxis& horizontal, const SampleLayout& layout, int cell) noexcept {
  const AreaAxis::Span& span = span_of(horizontal, layout, cell);
  return byte_of(layout, cell, span.first + span.count - 1);
}

// Whether windows of so many bytes hold the samples of their cells.
bool windows_fit(const AreaAxis& horizontal, const SampleLayout& layout, int groups, int bytes) noexcept {
  const int cells = horizontal.cells() * layout.lanes;
  const int step = bytes / kTapsOfGroup / groups;
  for (int cell = 0; cell < cells; cell += step) {
    const int last = last_byte(horizontal, layout, std::min(cell + step, cells) - 1);
    if (last - first_byte(horizontal, layout, cell) >= bytes) return false;
  }
  return true;
}

// 0 if there is no number of groups that fits.
int fitting_groups(const AreaAxis& horizontal, const SampleLayout& layout) noexcept {
  for (const int groups : {1, 2}) {
    if (horizontal.taps() <= kTapsOfGroup * groups &&
        windows_fit(horizontal, layout, groups, SourceWindows::kLeastBytes) &&
        windows_fit(horizontal, layout, groups, SourceWindows::kMostBytes)) {
      return groups;
    }
  }
  return 0;
}

}  // namespace

bool SourceWindows::build(const AreaAxis& horizontal, const AreaAxis& vertical, const SampleLayout& layout,
                          const WindowShape& window_shape) {
  if (layout.row_bytes < kMostBytes || vertical.taps() > kMostTaps) return false;
  if (horizontal.longest() * vertical.longest() > INT8_MAX) return false;
  if (!choose_factor(horizontal.total() * vertical.total())) return false;
  groups = fitting_groups(horizontal, layout);
  if (groups == 0) return false;
  shape = window_shape;
  cells = horizontal.cells() * layout.lanes;
  rows_alike = vertical.longest() == 1;
  const int windows = whole_windows(cells, cells_per_window());
  starts.assign(static_cast<size_t>(windows), 0);
  indices.assign(static_cast<size_t>(windows * shape.bytes), 0);
  weights.assign(static_cast<size_t>(windows * shape.bytes), 0);
  for (int window = 0; window * cells_per_window() < cells; ++window) build_window(horizontal, layout, window);
  multiply_weights(vertical.longest());
  return true;
}

// As large as its 15 bits, and sums of 31, leave room for.
bool SourceWindows::choose_factor(int total) noexcept {
  if (total > kExactTotal) return false;
  int64_t exact = 0;
  for (shift = kMostShift; shift > 0; --shift) {
    exact = int64_t{1} << (kScaledBits + shift);
    if ((exact + total / 2) / total <= INT16_MAX) break;
  }
  factor = static_cast<int16_t>((exact + total / 2) / total);
  return 255 * std::abs(int64_t{factor} * total - exact) < int64_t{1} << (shift - 1);
}

void SourceWindows::build_window(const AreaAxis& horizontal, const SampleLayout& layout, int window) {
  const int first_cell = window * cells_per_window();
  const int start = std::min(first_byte(horizontal, layout, first_cell), layout.row_bytes - shape.bytes);
  const size_t place = place_of_window(shape, groups, window);
  starts[place] = start;
  for (int i = 0; i < std::min(cells_per_window(), cells - first_cell); ++i) {
    const AreaAxis::Span& span = span_of(horizontal, layout, first_cell + i);
    for (int tap = 0; tap < span.count; ++tap) {
      const int group = tap / kTapsOfGroup * cells_per_window() + i;
      const auto to =
          place * static_cast<size_t>(shape.bytes) + static_cast<size_t>(group * kTapsOfGroup + tap % kTapsOfGroup);
      indices[to] = static_cast<uint8_t>(byte_of(layout, first_cell + i, span.first + tap) - start);
      weights[to] = static_cast<int8_t>(horizontal.weights(span)[tap]);
    }
  }
}

void SourceWindows::multiply_weights(int longest) {
  const size_t count = weights.size();
  weights.resize(count * static_cast<size_t>(longest));
  for (size_t i = count; i < weights.size(); ++i) {
    weights[i] = static_cast<int8_t>(weights[i - count] + weights[i % count]);
  }
}

}  // namespace stillcast
