#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "stillcast/colour.h"
#include "stillcast/downscale.h"
#include "stillcast/frame.h"
#include "stillcast/jpeg_encoder.h"
#include "stillcast/luma_stats.h"
#include "stillcast/picture.h"
#include "stillcast/status.h"

namespace stillcast {

struct StillSettings {
  Size max_size{640, 360};
  int quality = 80;  // 1 to 100
};

struct EncodedStill {
  std::vector<uint8_t> jpeg;
  Size size;
  LumaStats luma;
};

// The hot path in one object: downscale, colour, turn upright, measure, encode. One a thread; it keeps its planes,
// tables and encoder from still to still.
class StillMaker {
 public:
  // `frame` was checked by check_frame. Reads the frame's memory only during the call. Throws std::bad_alloc.
  Status make(const FrameView& frame, const StillSettings& settings, EncodedStill& still);

 private:
  void scale_and_convert(const FrameView& frame, Size size);
  Picture& upright(Rotation rotation);

  Downscaler downscaler_;
  std::array<ScaledPlane, 3> scaled_;
  Picture picture_;
  Picture turned_;
  JpegEncoder encoder_;
};

}  // namespace stillcast
