// libFuzzer: every set of the encoder's loops writes what libjpeg-turbo writes, whatever the picture. The preset builds
// with ASan and UBSan; that the loops stay within their margins is tested with exact rooms in jpeg_coders_test.cpp. An
// input is quality, width, height and how its other bytes become samples.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/native_encoder.h"
#include "stillcast/jpeg/turbo_encoder.h"

namespace stillcast::jpeg {
namespace {

class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  int take() noexcept {
    if (bytes_.empty()) return 0;
    const uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }

  // Over and over again.
  [[nodiscard]] uint8_t at(size_t index) const noexcept { return bytes_.empty() ? 0 : bytes_[index % bytes_.size()]; }

 private:
  std::span<const uint8_t> bytes_;
};

constexpr int kPairsMost = 64;  // of columns, or of rows

// Samples one by one, or each over a square: large areas make runs of zeros.
Picture picture_of(Input& input) {
  const int width = 2 + 2 * (input.take() % kPairsMost);
  const int height = 2 + 2 * (input.take() % kPairsMost);
  const int square = 1 + input.take() % 16;
  Picture picture;
  picture.resize({width, height});
  size_t first = 0;
  for (Plane& plane : picture.planes) {
    const int columns = (plane.width() + square - 1) / square;
    for (int y = 0; y < plane.height(); ++y) {
      for (int x = 0; x < plane.width(); ++x) {
        plane.row(y)[x] = input.at(first + static_cast<size_t>(y / square * columns + x / square));
      }
    }
    first += static_cast<size_t>(columns * ((plane.height() + square - 1) / square));
    plane.pad_edges();
  }
  return picture;
}

struct Encoders {
  Encoders() {
    native.push_back(std::make_unique<NativeEncoder>(reference_coder()));
    for (const Coder& coder : vector_coders()) native.push_back(std::make_unique<NativeEncoder>(coder));
  }

  TurboEncoder turbo;
  std::vector<std::unique_ptr<NativeEncoder>> native;
};

std::vector<uint8_t> encoded(JpegEncoder& encoder, const Picture& picture, int quality) {
  std::span<const uint8_t> jpeg;
  if (!encoder.encode(picture, quality, jpeg).is_ok()) std::abort();
  return {jpeg.begin(), jpeg.end()};
}

void expect_same_bytes(Input input) {
  static Encoders encoders;
  const int quality = 1 + input.take() % 100;
  const Picture picture = picture_of(input);
  const std::vector<uint8_t> wanted = encoded(encoders.turbo, picture, quality);
  for (const auto& native : encoders.native) {
    if (encoded(*native, picture, quality) == wanted) continue;
    std::fprintf(stderr, "other bytes: %dx%d at quality %d\n", picture.width(), picture.height(), quality);
    std::abort();
  }
}

}  // namespace
}  // namespace stillcast::jpeg

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  stillcast::jpeg::expect_same_bytes(stillcast::jpeg::Input({bytes, count}));
  return 0;
}
