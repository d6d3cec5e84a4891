#include "stillcast/jpeg/turbo_encoder.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "allocations.h"

namespace stillcast::jpeg {
namespace {

using testing::NoMemory;

Picture noise(Size size) {
  Picture picture;
  picture.resize(size);
  std::mt19937 random(3);
  for (Plane& plane : picture.planes) {
    for (int y = 0; y < plane.height(); ++y) {
      for (int x = 0; x < plane.width(); ++x) plane.row(y)[x] = static_cast<uint8_t>(random());
    }
    plane.pad_edges();
  }
  return picture;
}

std::vector<uint8_t> encoded(TurboEncoder& encoder, const Picture& picture) {
  std::span<const uint8_t> jpeg;
  EXPECT_TRUE(encoder.encode(picture, 90, jpeg).is_ok());
  return {jpeg.begin(), jpeg.end()};
}

TEST(TurboEncoder, SaysWhatLibjpegRefuses) {
  TurboEncoder encoder;
  std::span<const uint8_t> jpeg;
  EXPECT_EQ(encoder.encode(Picture(), 90, jpeg).message(), "JPEG encoder: Empty JPEG image (DNL not supported)");
}

TEST(TurboEncoder, WorksOnAfterAnErrorInTheMiddleOfAPicture) {
  TurboEncoder encoder;
  const Picture small = noise({32, 32});
  const Picture large = noise({640, 480});  // more than the first output buffer holds
  const std::vector<uint8_t> before = encoded(encoder, small);
  {
    const NoMemory none(64 * 1024);
    std::span<const uint8_t> jpeg;
    EXPECT_EQ(encoder.encode(large, 90, jpeg).message(), "JPEG encoder: Insufficient memory (case 0)");
  }
  EXPECT_EQ(encoded(encoder, small), before);
  TurboEncoder another;
  EXPECT_EQ(encoded(encoder, large), encoded(another, large));
}

}  // namespace
}  // namespace stillcast::jpeg
