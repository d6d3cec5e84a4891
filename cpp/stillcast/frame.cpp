#include "stillcast/frame.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace stillcast {

namespace {

constexpr int kFormats = 10;

// plane, step, offset, sub_x, sub_y of Y, Cb, Cr or of R, G, B; in the order of PixelFormat.
constexpr std::array<FormatInfo, kFormats> kFormatInfo{{
    {"I420", 3, false, 3, {{{0, 1, 0, 1, 1}, {1, 1, 0, 2, 2}, {2, 1, 0, 2, 2}}}},
    {"NV12", 2, false, 3, {{{0, 1, 0, 1, 1}, {1, 2, 0, 2, 2}, {1, 2, 1, 2, 2}}}},
    {"NV21", 2, false, 3, {{{0, 1, 0, 1, 1}, {1, 2, 1, 2, 2}, {1, 2, 0, 2, 2}}}},
    {"YUY2", 1, false, 3, {{{0, 2, 0, 1, 1}, {0, 4, 1, 2, 1}, {0, 4, 3, 2, 1}}}},
    {"UYVY", 1, false, 3, {{{0, 2, 1, 1, 1}, {0, 4, 0, 2, 1}, {0, 4, 2, 2, 1}}}},
    {"GRAY8", 1, false, 1, {{{0, 1, 0, 1, 1}, {}, {}}}},
    {"RGB24", 1, true, 3, {{{0, 3, 0, 1, 1}, {0, 3, 1, 1, 1}, {0, 3, 2, 1, 1}}}},
    {"BGR24", 1, true, 3, {{{0, 3, 2, 1, 1}, {0, 3, 1, 1, 1}, {0, 3, 0, 1, 1}}}},
    {"RGBA", 1, true, 3, {{{0, 4, 0, 1, 1}, {0, 4, 1, 1, 1}, {0, 4, 2, 1, 1}}}},
    {"BGRA", 1, true, 3, {{{0, 4, 2, 1, 1}, {0, 4, 1, 1, 1}, {0, 4, 0, 1, 1}}}},
}};

constexpr std::array<std::string_view, kFormats> kFormatNames = [] {
  std::array<std::string_view, kFormats> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kFormatInfo[i].name;
  return names;
}();

constexpr int ceil_div(int value, int divisor) noexcept { return (value + divisor - 1) / divisor; }

Status check_side(std::string_view name, int value) {
  if (value >= 1 && value <= kMaxSide) return Status::ok();
  return Status::error(std::string(name) + ": " + std::to_string(value) + ": use 1 to " + std::to_string(kMaxSide));
}

Status check_plane(const PlaneView& plane, const std::string& name) {
  if (plane.data == nullptr) return Status::error(name + ": has no memory: give a buffer that is alive");
  const ptrdiff_t line_bytes = static_cast<ptrdiff_t>(plane.row_bytes) * plane.rows_per_line;
  const int lines = ceil_div(plane.first_row + plane.rows, plane.rows_per_line);
  if (lines > 1 && std::abs(plane.stride_bytes) < line_bytes) {
    return Status::error(name + ": stride " + std::to_string(plane.stride_bytes) + ": rows of " +
                         std::to_string(line_bytes) + " bytes need a stride of at least that");
  }
  return Status::ok();
}

// Of two sides that may not both be kept, the nearest even number that is inside the limit.
int even_share(int64_t numerator, int64_t denominator, int limit) noexcept {
  const int64_t nearest_even = (numerator + denominator) / (2 * denominator) * 2;
  return static_cast<int>(std::clamp<int64_t>(nearest_even, 2, limit));
}

int even_limit(int side, int max) noexcept { return std::max(2, std::min(side, max) & ~1); }

}  // namespace

int FormatInfo::row_bytes(int plane, int width) const noexcept {
  int bytes = 0;
  for (int i = 0; i < components; ++i) {
    const Component& c = component[static_cast<size_t>(i)];
    if (c.plane == plane) bytes = std::max(bytes, ceil_div(width, c.sub_x) * c.step_bytes);
  }
  return bytes;
}

int FormatInfo::rows(int plane, int height) const noexcept {
  for (int i = 0; i < components; ++i) {
    const Component& c = component[static_cast<size_t>(i)];
    if (c.plane == plane) return ceil_div(height, c.sub_y);
  }
  return 0;
}

const FormatInfo& format_info(PixelFormat format) noexcept { return kFormatInfo[static_cast<size_t>(format)]; }

std::optional<PixelFormat> format_by_name(std::string_view name) noexcept {
  const auto found = std::find(kFormatNames.begin(), kFormatNames.end(), name);
  if (found == kFormatNames.end()) return std::nullopt;
  return static_cast<PixelFormat>(found - kFormatNames.begin());
}

std::span<const std::string_view> format_names() noexcept { return kFormatNames; }

ColourMatrix default_matrix(int height) noexcept { return height >= 720 ? ColourMatrix::kBt709 : ColourMatrix::kBt601; }

bool default_full_range(PixelFormat format) noexcept {
  const FormatInfo& info = format_info(format);
  return info.rgb || info.components == 1;
}

Status check_frame(const FrameView& frame) {
  if (Status s = check_side("width", frame.width); !s.is_ok()) return s;
  if (Status s = check_side("height", frame.height); !s.is_ok()) return s;
  if (Status s = check_side("pixel_aspect[0]", frame.pixel_aspect_x); !s.is_ok()) return s;
  if (Status s = check_side("pixel_aspect[1]", frame.pixel_aspect_y); !s.is_ok()) return s;
  for (int p = 0; p < format_info(frame.format).planes; ++p) {
    const std::string name = "planes[" + std::to_string(p) + "]";
    if (Status s = check_plane(frame.planes[static_cast<size_t>(p)], name); !s.is_ok()) return s;
  }
  return Status::ok();
}

Size still_size(const FrameView& frame, Size max) noexcept {
  const bool turned = frame.rotation == Rotation::k90 || frame.rotation == Rotation::k270;
  const int width = turned ? frame.height : frame.width;
  const int height = turned ? frame.width : frame.height;
  const int64_t shown_width = int64_t{width} * (turned ? frame.pixel_aspect_y : frame.pixel_aspect_x);
  const int64_t shown_height = int64_t{height} * (turned ? frame.pixel_aspect_x : frame.pixel_aspect_y);
  const int width_limit = even_limit(width, max.width);
  const int height_limit = even_limit(height, max.height);
  if (width_limit * shown_height <= height_limit * shown_width) {
    return {width_limit, even_share(width_limit * shown_height, shown_width, height_limit)};
  }
  return {even_share(height_limit * shown_width, shown_height, width_limit), height_limit};
}

}  // namespace stillcast
