#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>

// clang-format off: needs size_t and FILE declared before it.
#include <jpeglib.h>
// clang-format on

namespace stillcast::benchmarks {

// A plane whose memory reaches to whole blocks of 16 in both directions.
struct PaddedPlane {
  PaddedPlane(int plane_width, int plane_height);
  // Repeats the last column and row into the padding, where edges cost the fewest bits.
  void pad();

  int width;
  int height;
  int stride;
  std::vector<uint8_t> samples;
};

// The least that libjpeg-turbo can be asked for: one object for ever, raw 4:2:0 planes in whole MCUs, ISLOW, standard
// Huffman tables, output into one buffer. On purpose not the product's encoder: the floor has to stay where it is when
// that one changes. Errors of libjpeg end the program.
class RawJpeg {
 public:
  RawJpeg(int width, int height, int quality);
  ~RawJpeg();
  RawJpeg(const RawJpeg&) = delete;
  RawJpeg& operator=(const RawJpeg&) = delete;

  // The bytes are valid until the next call.
  std::span<const uint8_t> encode(const std::array<const PaddedPlane*, 3>& planes);

 private:
  jpeg_compress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  std::vector<uint8_t> output_;
};

}  // namespace stillcast::benchmarks
