#include "stillcast/downscale.h"

#include <algorithm>

namespace stillcast {

namespace {

constexpr int kDropBits = 2 * kWeightBits - kScaledBits;
constexpr uint64_t kHalf = uint64_t{1} << (kDropBits - 1);

constexpr bool same_grid(const Component& a, const Component& b) noexcept {
  return a.plane == b.plane && a.sub_x == b.sub_x && a.sub_y == b.sub_y;
}

uint64_t weighted_sum(const uint32_t* samples, int step, const uint16_t* weights, int count) noexcept {
  uint64_t sum = 0;
  for (int i = 0; i < count; ++i) sum += uint64_t{samples[static_cast<ptrdiff_t>(i) * step]} * weights[i];
  return sum;
}

}  // namespace

void AreaAxis::build(int extent, int sub, int cells) {
  if (extent == extent_ && sub == sub_ && cells == this->cells()) return;
  extent_ = 0;  // until the table is whole
  spans_.clear();
  weights_.clear();
  // In units of 1/cells of a luma pixel every border is a whole number: cells are `extent` long, samples `sub * cells`.
  const int64_t sample_length = int64_t{sub} * cells;
  for (int64_t cell = 0; cell < cells; ++cell) {
    const int64_t begin = cell * extent;
    const int64_t end = begin + extent;
    const int64_t first = begin / sample_length;
    const int64_t last = (end - 1) / sample_length;
    spans_.push_back({static_cast<int>(first), static_cast<int>(last - first + 1), static_cast<int>(weights_.size())});
    int64_t given = 0;
    for (int64_t sample = first; sample <= last; ++sample) {
      const int64_t covered = std::min(end, (sample + 1) * sample_length) - begin;
      const int64_t due = ((covered << kWeightBits) + extent / 2) / extent;
      weights_.push_back(static_cast<uint16_t>(due - given));
      given = due;
    }
  }
  extent_ = extent;
  sub_ = sub;
}

void Downscaler::scale(const FrameView& frame, std::array<ScaledPlane, 3>& to) {
  const FormatInfo& info = format_info(frame.format);
  int first = 0;
  while (first < info.components) {
    int end = first + 1;
    const auto component = [&info](int i) -> const Component& { return info.component[static_cast<size_t>(i)]; };
    while (end < info.components && same_grid(component(first), component(end))) ++end;
    scale_together(frame, first, end, to);
    first = end;
  }
}

// Components [first, end) share a plane and a grid, so they share the sums of its rows.
void Downscaler::scale_together(const FrameView& frame, int first, int end, std::array<ScaledPlane, 3>& to) {
  const auto& components = format_info(frame.format).component;
  const Component& grid = components[static_cast<size_t>(first)];
  const PlaneView& plane = frame.planes[static_cast<size_t>(grid.plane)];
  const ScaledPlane& like = to[static_cast<size_t>(first)];
  auto& [horizontal, vertical] = grids_[grid.sub_x == 1 ? 0 : 1];
  horizontal.build(frame.width, grid.sub_x, like.width());
  vertical.build(frame.height, grid.sub_y, like.height());
  sums_.resize(static_cast<size_t>(plane.row_bytes));
  for (int y = 0; y < like.height(); ++y) {
    sum_rows(plane, vertical, y);
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(end); ++i) {
      weigh_row(components[i], horizontal, to[i].row(y));
    }
  }
}

void Downscaler::sum_rows(const PlaneView& plane, const AreaAxis& vertical, int y) {
  std::fill(sums_.begin(), sums_.end(), 0U);
  const AreaAxis::Span& span = vertical.span(y);
  const uint16_t* weights = vertical.weights(span);
  for (int i = 0; i < span.count; ++i) {
    const uint8_t* row = plane.row(span.first + i);
    const uint16_t weight = weights[i];
    for (size_t x = 0; x < sums_.size(); ++x) sums_[x] += uint32_t{row[x]} * weight;
  }
}

void Downscaler::weigh_row(const Component& component, const AreaAxis& horizontal, uint16_t* to) const noexcept {
  const uint32_t* samples = sums_.data() + component.offset_bytes;
  for (int x = 0; x < horizontal.cells(); ++x) {
    const AreaAxis::Span& span = horizontal.span(x);
    const uint32_t* from = samples + static_cast<ptrdiff_t>(span.first) * component.step_bytes;
    const uint64_t sum = weighted_sum(from, component.step_bytes, horizontal.weights(span), span.count);
    to[x] = static_cast<uint16_t>((sum + kHalf) >> kDropBits);
  }
}

std::vector<uint64_t> area_means(const Plane& plane, int columns, int rows) {
  AreaAxis horizontal;
  AreaAxis vertical;
  horizontal.build(plane.width(), 1, columns);
  vertical.build(plane.height(), 1, rows);
  std::vector<uint64_t> means;
  for (int r = 0; r < rows; ++r) {
    const AreaAxis::Span& lines = vertical.span(r);
    for (int c = 0; c < columns; ++c) {
      const AreaAxis::Span& span = horizontal.span(c);
      uint64_t mean = 0;
      for (int i = 0; i < lines.count; ++i) {
        const uint8_t* from = plane.row(lines.first + i) + span.first;
        uint64_t line = 0;
        for (int k = 0; k < span.count; ++k) line += uint64_t{from[k]} * horizontal.weights(span)[k];
        mean += line * vertical.weights(lines)[i];
      }
      means.push_back(mean);
    }
  }
  return means;
}

}  // namespace stillcast
