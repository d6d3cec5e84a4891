#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "stillcast/picture.h"
#include "stillcast/status.h"

namespace stillcast {

// Baseline 4:2:0 JFIF by libjpeg-turbo's raw-data interface: no colour conversion, no copy of the planes. One object
// a thread, kept for its life: its tables, its working memory and its output buffer stay, so that a still costs no
// allocation once warm.
class JpegEncoder {
 public:
  JpegEncoder();
  ~JpegEncoder();
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;

  // `picture` has its edges padded. The bytes in `jpeg` are valid until the next call. Throws std::bad_alloc.
  Status encode(const Picture& picture, int quality, std::span<const uint8_t>& jpeg);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillcast
