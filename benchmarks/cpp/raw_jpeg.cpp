#include "raw_jpeg.h"

#include <algorithm>

namespace stillcast::benchmarks {

namespace {

constexpr int kLumaRows = 16;
constexpr int kChromaRows = 8;

int whole_blocks(int side) { return (side + 15) / 16 * 16; }

template <size_t N>
void point_at(const PaddedPlane& plane, int first_row, std::array<JSAMPROW, N>& rows) {
  for (size_t i = 0; i < N; ++i) {
    const auto row = static_cast<size_t>(first_row) + i;
    rows[i] = const_cast<JSAMPROW>(plane.samples.data() + row * static_cast<size_t>(plane.stride));
  }
}

// The floor's picture was scaled long ago, a scaler's would still be in the cache: asked for one MCU row ahead, it is.
void prefetch(const PaddedPlane& plane, int first_row, int rows) {
  constexpr size_t kLineBytes = 64;
  const size_t begin = static_cast<size_t>(first_row) * static_cast<size_t>(plane.stride);
  const size_t end =
      std::min(begin + static_cast<size_t>(rows) * static_cast<size_t>(plane.stride), plane.samples.size());
  for (size_t at = begin; at < end; at += kLineBytes) __builtin_prefetch(plane.samples.data() + at);
}

}  // namespace

PaddedPlane::PaddedPlane(int plane_width, int plane_height)
    : width(plane_width),
      height(plane_height),
      stride(whole_blocks(plane_width)),
      samples(static_cast<size_t>(stride) * static_cast<size_t>(whole_blocks(plane_height))) {}

void PaddedPlane::pad() {
  uint8_t* row = samples.data();
  for (int y = 0; y < height; ++y, row += stride) std::fill(row + width, row + stride, row[width - 1]);
  const uint8_t* last = row - stride;
  for (int y = height; y < whole_blocks(height); ++y, row += stride) std::copy_n(last, stride, row);
}

RawJpeg::RawJpeg(int width, int height, int quality)
    : output_(size_t{1} << 16 | static_cast<size_t>(width) * static_cast<size_t>(height) * 3) {
  jpeg_.err = jpeg_std_error(&errors_);
  jpeg_create_compress(&jpeg_);
  jpeg_.image_width = static_cast<JDIMENSION>(width);
  jpeg_.image_height = static_cast<JDIMENSION>(height);
  jpeg_.input_components = 3;
  jpeg_.in_color_space = JCS_YCbCr;
  jpeg_set_defaults(&jpeg_);
  jpeg_.raw_data_in = TRUE;
  jpeg_.dct_method = JDCT_ISLOW;
  jpeg_set_quality(&jpeg_, quality, TRUE);
}

RawJpeg::~RawJpeg() { jpeg_destroy_compress(&jpeg_); }

std::span<const uint8_t> RawJpeg::encode(const std::array<const PaddedPlane*, 3>& planes) {
  uint8_t* bytes = output_.data();
  unsigned long count = output_.size();  // NOLINT(google-runtime-int): libjpeg's type
  jpeg_mem_dest(&jpeg_, &bytes, &count);
  jpeg_start_compress(&jpeg_, TRUE);
  std::array<JSAMPROW, kLumaRows> luma;
  std::array<JSAMPROW, kChromaRows> cb;
  std::array<JSAMPROW, kChromaRows> cr;
  std::array<JSAMPARRAY, 3> rows{luma.data(), cb.data(), cr.data()};
  for (int y = 0; y < planes[0]->height; y += kLumaRows) {
    point_at(*planes[0], y, luma);
    point_at(*planes[1], y / 2, cb);
    point_at(*planes[2], y / 2, cr);
    prefetch(*planes[0], y + kLumaRows, kLumaRows);
    prefetch(*planes[1], y / 2 + kChromaRows, kChromaRows);
    prefetch(*planes[2], y / 2 + kChromaRows, kChromaRows);
    jpeg_write_raw_data(&jpeg_, rows.data(), kLumaRows);
  }
  jpeg_finish_compress(&jpeg_);
  return {bytes, count};
}

}  // namespace stillcast::benchmarks
