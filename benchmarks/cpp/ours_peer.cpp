// A whole still of ours in C++, with a choice that the public function does not have: the encoder, and the instruction
// set of everything.

#include <algorithm>
#include <memory>
#include <string_view>

#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/native_encoder.h"
#include "stillcast/jpeg/turbo_encoder.h"
#include "stillcast/still_maker.h"

namespace stillcast::benchmarks {
namespace {

// Of what this machine can run; null where it cannot.
template <typename Sets>
const auto* named(const Sets& sets, std::string_view name) {
  const auto found = std::find_if(sets.begin(), sets.end(), [name](const auto& set) { return set.name == name; });
  return found == sets.end() ? nullptr : &*found;
}

struct Ours {
  FrameView frame;
  StillSettings settings;
  std::unique_ptr<StillMaker> maker;
  StillView still;
};

// "turbo" is the best kernels with libjpeg-turbo, "AVX-512" and "AVX2" are all of that set; null where it is missing.
std::unique_ptr<StillMaker> make_maker(std::string_view name) {
  if (name == "turbo") return std::make_unique<StillMaker>(best_kernels(), std::make_unique<jpeg::TurboEncoder>());
  const jpeg::Coder* coder = named(jpeg::vector_coders(), name);
  const Kernels* kernels = name == "AVX2" ? named(all_kernels(), name) : &best_kernels();
  if (coder == nullptr || kernels == nullptr) return nullptr;
  return std::make_unique<StillMaker>(*kernels, std::make_unique<jpeg::NativeEncoder>(*coder));
}

}  // namespace
}  // namespace stillcast::benchmarks

using stillcast::benchmarks::Ours;

extern "C" {

Ours* ours_new(int source_width, int source_height, int width, int height, int quality, const char* name) {
  auto self = std::make_unique<Ours>();
  self->frame.format = stillcast::PixelFormat::kI420;
  self->frame.width = source_width;
  self->frame.height = source_height;
  self->frame.matrix = stillcast::default_matrix(source_height);
  self->settings = {{width, height}, quality};
  self->maker = stillcast::benchmarks::make_maker(name);
  return self->maker ? self.release() : nullptr;
}

void ours_free(Ours* self) { delete self; }

// The number of bytes at `jpeg`, which are valid until the next call; `i420` has even sides.
size_t ours_still(Ours* self, const uint8_t* i420, const uint8_t** jpeg) {
  stillcast::FrameView& frame = self->frame;
  const uint8_t* at = i420;
  for (int p = 0; p < 3; ++p) {
    const int sub = p == 0 ? 1 : 2;
    frame.planes[static_cast<size_t>(p)] = {at, frame.width / sub, frame.width / sub, frame.height / sub};
    at += static_cast<ptrdiff_t>(frame.width / sub) * (frame.height / sub);
  }
  if (!self->maker->make(frame, self->settings, self->still).is_ok()) return 0;
  *jpeg = self->still.jpeg.data();
  return self->still.jpeg.size();
}

}  // extern "C"
