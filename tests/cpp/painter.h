#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "stillcast/picture.h"

namespace stillcast::testing {

// Pictures that lead into every branch: runs of every length, levels that fit no byte, bytes that have to be stuffed.
enum class Look : uint8_t { kFlat, kNoise, kExtremes, kSquares, kRamp, kWaves, kSparks, kChecks, kEdges, kNearlyFlat };
constexpr int kLooks = 10;

class Painter {
 public:
  Painter(Look look, uint32_t seed) : look_(look), random_(seed) {
    size_ = below(16) + 1;
    low_ = below(256);
    high_ = below(256);
    phase_ = below(100) * 0.01;
  }

  Picture paint(Size size) {
    Picture picture;
    picture.resize(size);
    for (Plane& plane : picture.planes) {
      for (int y = 0; y < plane.height(); ++y) {
        for (int x = 0; x < plane.width(); ++x) plane.row(y)[x] = static_cast<uint8_t>(level(x, y));
      }
      plane.pad_edges();
    }
    return picture;
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<uint32_t>(limit)); }

  int level(int x, int y) {
    switch (look_) {
      case Look::kFlat:
        return low_;
      case Look::kNoise:
        return below(256);
      case Look::kExtremes:
        return below(2) * 255;
      case Look::kSquares:
        return (x / size_ + y / size_) % 2 * 255;
      case Look::kRamp:
        return (3 * x + 5 * y) / 4;
      case Look::kWaves:
        return static_cast<int>(std::lround(127.5 + 127.5 * std::sin(x * phase_ + y * y * 0.002)));
      case Look::kSparks:
        return below(size_) == 0 ? high_ : low_;
      case Look::kChecks:
        return (x + y) % 2 * 255;
      case Look::kEdges:
        return ((x / 8) ^ (y / 8)) % 2 == 1 ? below(20) : 255;
      case Look::kNearlyFlat:
        return below(997) == 0 ? below(256) : 124 + below(9);
    }
    return 0;
  }

  Look look_;
  std::mt19937 random_;
  int size_ = 1;
  int low_ = 0;
  int high_ = 0;
  double phase_ = 0;
};

}  // namespace stillcast::testing
