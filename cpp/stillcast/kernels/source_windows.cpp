#include "stillcast/kernels/source_windows.h"

#include <algorithm>
#include <cstdlib>

#include "stillcast/colour.h"
#include "stillcast/kernels/row_windows.h"

namespace stillcast {

namespace {

constexpr int kTapsOfGroup = 4;

}  // namespace

bool SourceWindows::build(const AreaAxis& horizontal, const AreaAxis& vertical, const SampleLayout& layout,
                          const WindowShape& window_shape) {
  const int span = horizontal.taps() * layout.step_bytes;
  if (span > kMostTaps || vertical.taps() > kMostTaps) return false;
  if (horizontal.longest() * vertical.longest() > INT8_MAX) return false;
  if (layout.row_bytes < kMostBytes) return false;
  if (!choose_factor(horizontal.total() * vertical.total())) return false;
  shape = window_shape;
  groups = span > kTapsOfGroup ? 2 : 1;
  cells = horizontal.cells();
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
  const auto byte_of = [&layout](int sample) { return sample * layout.step_bytes + layout.offset_bytes; };
  const int start = std::min(byte_of(horizontal.span(first_cell).first), layout.row_bytes - shape.bytes);
  const size_t place = place_of_window(shape, groups, window);
  starts[place] = start;
  for (int i = 0; i < std::min(cells_per_window(), cells - first_cell); ++i) {
    const AreaAxis::Span& span = horizontal.span(first_cell + i);
    for (int tap = 0; tap < span.count; ++tap) {
      const int group = tap / kTapsOfGroup * cells_per_window() + i;
      const auto to =
          place * static_cast<size_t>(shape.bytes) + static_cast<size_t>(group * kTapsOfGroup + tap % kTapsOfGroup);
      indices[to] = static_cast<uint8_t>(byte_of(span.first + tap) - start);
      weights[to] = static_cast<int8_t>(horizontal.weights(span)[tap]);
    }
  }
}

void SourceWindows::multiply_weights(int longest) {
  const size_t count = weights.size();
  weights.resize(count * static_cast<size_t>(longest));
  for (size_t i = count; i < weights.size(); ++i)
    weights[i] = static_cast<int8_t>(weights[i - count] + weights[i % count]);
}

}  // namespace stillcast
