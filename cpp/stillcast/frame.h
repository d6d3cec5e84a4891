#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "stillcast/status.h"

namespace stillcast {

constexpr int kMaxSide = 16384;
constexpr int kMaxPlanes = 3;

enum class PixelFormat : uint8_t { kI420, kNv12, kNv21, kYuy2, kUyvy, kGray8, kRgb24, kBgr24, kRgba, kBgra };
enum class ColourMatrix : uint8_t { kBt601, kBt709, kBt2020 };
// Clockwise turn that brings the picture upright.
enum class Rotation : uint8_t { k0, k90, k180, k270 };

// Where the samples of one component (Y, Cb, Cr or R, G, B) lie.
struct Component {
  int plane;
  int step_bytes;    // from one sample to the next
  int offset_bytes;  // of the first sample in its row
  int sub_x;         // luma pixels that one sample spans
  int sub_y;
};

// Note [Formats are data]
// A format is fully said by where its components lie, so copying, scaling and checking are written once for all of
// them. A new 8-bit format is a row in this table and nothing else.
struct FormatInfo {
  std::string_view name;
  int planes;
  bool rgb;
  int components;  // 3, or 1 for grey
  std::array<Component, 3> component;

  [[nodiscard]] int row_bytes(int plane, int width) const noexcept;
  [[nodiscard]] int rows(int plane, int height) const noexcept;
};

[[nodiscard]] const FormatInfo& format_info(PixelFormat format) noexcept;
[[nodiscard]] std::optional<PixelFormat> format_by_name(std::string_view name) noexcept;
[[nodiscard]] std::span<const std::string_view> format_names() noexcept;

// One plane in somebody else's memory.
//
// Note [Folded rows]
// A numpy I420 picture is one array of (height * 3 / 2, width): each of its lower lines holds two rows of chroma. When
// the lines are padded, the chroma rows are not evenly spaced, so a plane knows how many rows share a line and where
// in its first line it begins. Ordinary planes have one row a line.
struct PlaneView {
  const uint8_t* data = nullptr;
  ptrdiff_t stride_bytes = 0;  // from line to line; negative for pictures stored bottom-up
  int row_bytes = 0;
  int rows = 0;
  int rows_per_line = 1;
  int first_row = 0;

  [[nodiscard]] const uint8_t* row(int y) const noexcept {
    const int k = y + first_row;
    if (rows_per_line == 1) return data + k * stride_bytes;  // no division
    return data + (k / rows_per_line) * stride_bytes + static_cast<ptrdiff_t>(k % rows_per_line) * row_bytes;
  }
};

// A frame that somebody else owns; nothing here copies or keeps it.
struct FrameView {
  PixelFormat format = PixelFormat::kI420;
  int width = 0;
  int height = 0;
  std::array<PlaneView, kMaxPlanes> planes{};
  ColourMatrix matrix = ColourMatrix::kBt601;
  bool full_range = false;
  Rotation rotation = Rotation::k0;
  // Width to height of one pixel as it is to be shown.
  int pixel_aspect_x = 1;
  int pixel_aspect_y = 1;
  std::optional<int64_t> pts_ns;
};

// What a frame without a matrix is taken for: BT.709 from 720 rows up, else BT.601.
[[nodiscard]] ColourMatrix default_matrix(int height) noexcept;
// RGB and grey are full range unless told, YCbCr is limited range.
[[nodiscard]] bool default_full_range(PixelFormat format) noexcept;

// Checks sizes and strides, so that whatever reads the frame afterwards need not.
Status check_frame(const FrameView& frame);

struct Size {
  int width = 0;
  int height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

// The size of the still: inside `max`, display aspect kept after rotation, never enlarged, both sides even and at
// least 2.
[[nodiscard]] Size still_size(const FrameView& frame, Size max) noexcept;

}  // namespace stillcast
