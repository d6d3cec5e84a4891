#include "stillcast/downscale.h"

#include <algorithm>
#include <cstddef>

namespace stillcast {

namespace {

constexpr int16_t kNeutralChroma = 128 << kScaledBits;

size_t axis_of(int sub) noexcept { return sub == 1 ? 0 : 1; }

// What the samples of a row that was summed are multiplied by.
int sum_total(const AreaAxis& vertical) noexcept { return std::min(vertical.total(), kExactTotal); }

// Grows and never shrinks; what is new is zero, so that kernels never read what nobody wrote.
void reserve_row(AlignedVector<int16_t>& row, int length) {
  if (static_cast<size_t>(length) > row.size()) row.resize(static_cast<size_t>(length));
}

// The subsampling of rows is one for all components of a plane.
int sub_y(const FormatInfo& info, int plane) noexcept {
  const auto in_plane = [plane](const Component& c) { return c.plane == plane; };
  return std::find_if(info.component.begin(), info.component.end(), in_plane)->sub_y;
}

// How many components lie side by side in the plane of this one, all in each pixel's bytes, one of alpha included; of
// YUY2, where luma and chroma have steps of their own, each lies alone.
int lanes_of(const FormatInfo& info, const Component& c) noexcept {
  const auto alike = [&c](const Component& other) {
    return other.plane != c.plane || other.step_bytes == c.step_bytes;
  };
  const auto* end = info.component.begin() + info.components;
  return std::all_of(info.component.begin(), end, alike) ? c.step_bytes : 1;
}

// Whether another component of the same pixels' bytes comes before it.
bool follows(const FormatInfo& info, size_t i) noexcept {
  return i > 0 && info.component[i - 1].plane == info.component[i].plane && lanes_of(info, info.component[i]) > 1;
}

// 4:2:2: a row of chroma for each row of luma.
bool has_chroma_of_both_rows(const Component& c) noexcept { return c.sub_x == 2 && c.sub_y == 1; }

}  // namespace

void Downscaler::prepare(const FrameView& frame, Size size) {
  const Geometry geometry{frame.format, {frame.width, frame.height}, size};
  if (geometry == geometry_) return;
  geometry_ = {};  // until all is ready
  const FormatInfo& info = format_info(frame.format);
  build_axes(geometry);
  short_weights_ = build_source_windows(info, geometry.from.width);
  if (!short_weights_ && !build_windows(info)) {
    for (AreaAxis& axis : vertical_) axis.make_fine();
    static_cast<void>(build_windows(info));  // with totals that are powers of two it is good
  }
  reserve(info, geometry);
  geometry_ = geometry;
}

void Downscaler::build_axes(const Geometry& geometry) {
  for (const int sub : {1, 2}) {
    AreaAxis& vertical = vertical_[axis_of(sub)];
    vertical.build(geometry.from.height, sub, geometry.to.height / sub);
    if (vertical.total() > kExactTotal) vertical.make_fine();
    horizontal_[axis_of(sub)].build(geometry.from.width, sub, geometry.to.width / sub);
  }
}

bool Downscaler::build_source_windows(const FormatInfo& info, int width) {
  for (size_t i = 0; i < static_cast<size_t>(info.components); ++i) {
    if (follows(info, i)) continue;
    const Component& c = info.component[i];
    const int lanes = lanes_of(info, c);
    const SampleLayout layout{c.step_bytes, lanes == 1 ? c.offset_bytes : 0, lanes, info.row_bytes(c.plane, width)};
    if (!source_windows_[i].build(horizontal_[axis_of(c.sub_x)], vertical_[axis_of(c.sub_y)], layout,
                                  kernels_.window)) {
      return false;
    }
  }
  return true;
}

bool Downscaler::build_windows(const FormatInfo& info) {
  for (size_t i = 0; i < static_cast<size_t>(info.components); ++i) {
    const Component& c = info.component[i];
    const int total = sum_total(vertical_[axis_of(c.sub_y)]);
    if (!windows_[i].build(horizontal_[axis_of(c.sub_x)], total, kernels_.window)) return false;
  }
  return true;
}

void Downscaler::reserve(const FormatInfo& info, const Geometry& geometry) {
  int length = 0;
  for (int p = 0; p < info.planes; ++p) length = std::max(length, info.row_bytes(p, geometry.from.width));
  int overread = kRowPadding;
  for (int i = 0; i < info.components; ++i) {
    overread = std::max(overread, windows_[static_cast<size_t>(i)].overread());
  }
  for (auto& row : sums_) reserve_row(row, length + overread);
  for (auto& rows : split_) {
    for (auto& row : rows) reserve_row(row, length + overread);
  }
  for (auto& component : scaled_) {
    for (auto& row : component) reserve_row(row, geometry.to.width + kRowPadding);
  }
  source_rows_.resize(static_cast<size_t>(std::max(vertical_[0].taps(), vertical_[1].taps())));
  if (info.components == 1) {
    for (const size_t i : {size_t{1}, size_t{2}}) std::fill(scaled_[i][0].begin(), scaled_[i][0].end(), kNeutralChroma);
  }
}

ScaledRows Downscaler::scale(const FrameView& frame, int pair) noexcept {
  const FormatInfo& info = format_info(frame.format);
  if (short_weights_) {
    weigh_source(frame, info, pair);
  } else {
    sum_and_weigh(frame, info, pair);
  }
  ScaledRows out;
  for (size_t i = 0; i < 3; ++i) {
    int16_t* first = scaled_[i][0].data();
    int16_t* second = scaled_[i][1].data();
    if (has_chroma_of_both_rows(info.component[i])) {
      kernels_.average(first, second, horizontal_[1].cells(), first);
    }
    out.row[i] = {first, second};
  }
  return out;
}

WeightedRows Downscaler::source_rows(const PlaneView& plane, const AreaAxis& vertical, int row) noexcept {
  const AreaAxis::Span& span = vertical.span(row);
  for (int i = 0; i < span.count; ++i) source_rows_[static_cast<size_t>(i)] = plane.row(span.first + i);
  return {source_rows_.data(), vertical.weights(span), span.count, span.count * plane.stride_bytes};
}

void Downscaler::weigh_source(const FrameView& frame, const FormatInfo& info, int pair) noexcept {
  for (size_t i = 0; i < static_cast<size_t>(info.components); ++i) {
    if (follows(info, i)) continue;
    const Component& c = info.component[i];
    const int rows = 2 / c.sub_y;
    for (int row = 0; row < rows; ++row) {
      const WeightedRows from =
          source_rows(frame.planes[static_cast<size_t>(c.plane)], vertical_[axis_of(c.sub_y)], rows * pair + row);
      if (lanes_of(info, c) == 1) {
        kernels_.weigh_source(source_windows_[i], from, scaled_[i][static_cast<size_t>(row)].data());
      } else {
        kernels_.weigh_source(source_windows_[i], from, sums_[0].data());
        split_cells(info, i, static_cast<size_t>(row));
      }
    }
  }
}

// Takes apart the cells of all components of the plane.
void Downscaler::split_cells(const FormatInfo& info, size_t first, size_t row) noexcept {
  const Component& c = info.component[first];
  std::array<int16_t*, 4> to;
  to.fill(split_[0][0].data());  // alpha is nobody's
  for (size_t i = first; i < static_cast<size_t>(info.components); ++i) {
    to[static_cast<size_t>(info.component[i].offset_bytes)] = scaled_[i][row].data();
  }
  kernels_.split(sums_[0].data(), c.step_bytes, horizontal_[axis_of(c.sub_x)].cells(), to);
}

void Downscaler::sum_and_weigh(const FrameView& frame, const FormatInfo& info, int pair) noexcept {
  for (int plane = 0; plane < info.planes; ++plane) {
    const int sub = sub_y(info, plane);
    const int rows = 2 / sub;
    for (int row = 0; row < rows; ++row) {
      sum_row(frame.planes[static_cast<size_t>(plane)], vertical_[axis_of(sub)], rows * pair + row,
              sums(plane, row, rows));
    }
    weigh_components(info, plane, rows);
  }
  if (info.components == 3 && sub_y(info, info.planes - 1) == 2) weigh_chroma();
}

void Downscaler::sum_row(const PlaneView& plane, const AreaAxis& vertical, int row,
                         AlignedVector<int16_t>& sums) noexcept {
  const WeightedRows from = source_rows(plane, vertical, row);
  const auto sum = vertical.total() > kExactTotal ? kernels_.sum_rows_fine : kernels_.sum_rows;
  sum(from.rows, from.weights, from.count, plane.row_bytes, from.ahead, sums.data());
  row_bytes_ = plane.row_bytes;
}

void Downscaler::weigh_components(const FormatInfo& info, int plane, int rows) noexcept {
  int split_step = 1;
  for (size_t i = 0; i < static_cast<size_t>(info.components); ++i) {
    const Component& c = info.component[i];
    if (c.plane != plane) continue;
    const bool splits = c.step_bytes != split_step;
    split_step = c.step_bytes;
    for (int row = 0; row < rows; ++row) {
      const AlignedVector<int16_t>& from = sums(plane, row, rows);
      auto& split = split_[static_cast<size_t>(row)];
      if (splits) {
        kernels_.split(from.data(), split_step, (row_bytes_ + split_step - 1) / split_step,
                       {split[0].data(), split[1].data(), split[2].data(), split[3].data()});
      }
      const AlignedVector<int16_t>& samples = split_step == 1 ? from : split[static_cast<size_t>(c.offset_bytes)];
      samples_[i][static_cast<size_t>(row)] = samples.data();
    }
    if (rows == 2) kernels_.weigh_rows(windows_[i], samples_[i], {scaled_[i][0].data(), scaled_[i][1].data()});
  }
}

// Cb and Cr are scaled alike.
void Downscaler::weigh_chroma() noexcept {
  kernels_.weigh_rows(windows_[1], {samples_[1][0], samples_[2][0]}, {scaled_[1][0].data(), scaled_[2][0].data()});
}

}  // namespace stillcast
