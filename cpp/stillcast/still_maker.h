#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "stillcast/colour.h"
#include "stillcast/downscale.h"
#include "stillcast/frame.h"
#include "stillcast/jpeg/jpeg_encoder.h"
#include "stillcast/kernels/kernels.h"
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

// The same while it lies with its maker.
struct StillView {
  std::span<const uint8_t> jpeg;
  Size size;
  LumaStats luma;
};

// The hot path in one object: downscale, colour, turn upright, measure, encode. One a thread; it keeps its planes,
// tables and encoder from still to still.
//
// Note [Pairs of rows, not strips]
// Two rows of the small picture are scaled and converted at a time, so that what lies between scaling and conversion
// never leaves the first-level cache; luma is measured there too. To go on and encode each 16 rows before the next ones
// are scaled, into the same memory again and again, was measured: with our encoder it gains 0 to 2 %, with
// libjpeg-turbo it loses up to 9 %. Either one reads a small picture from the second-level cache as fast as it works.
class StillMaker {
 public:
  explicit StillMaker(const Kernels& kernels = best_kernels(),
                      std::unique_ptr<JpegEncoder> encoder = make_encoder(EncoderChoice::kAuto))
      : kernels_(kernels), downscaler_(kernels), meter_(kernels), encoder_(std::move(encoder)) {}

  // `frame` was checked by check_frame. Reads the frame's memory only during the call. The bytes in `still` are valid
  // until the next call. Throws std::bad_alloc.
  [[nodiscard]] Status make(const FrameView& frame, const StillSettings& settings, StillView& still);
  // The same, copied.
  [[nodiscard]] Status make(const FrameView& frame, const StillSettings& settings, EncodedStill& still);

 private:
  void scale_and_convert(const FrameView& frame, Size size);
  template <typename Convert, typename Transform>
  void convert_pairs(const FrameView& frame, Convert convert, const Transform& transform) noexcept;
  Picture& upright(Rotation rotation);

  const Kernels& kernels_;
  Downscaler downscaler_;
  LumaMeter meter_;
  Picture picture_;
  Picture turned_;
  std::unique_ptr<JpegEncoder> encoder_;
};

}  // namespace stillcast
