// Every set of the encoder's loops against libjpeg-turbo, byte by byte, at length:
//
//   stillcast_identity frames WIDTHxHEIGHT QUALITY...   raw I420 frames from standard input
//   stillcast_identity random COUNT SEED                pictures of all even sizes up to 1280x720, qualities 1 to 100
//
// Prints a line for each set: its name, how many stills were made, how many differ. Exit status 1 where any does.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "painter.h"
#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/native_encoder.h"
#include "stillcast/jpeg/turbo_encoder.h"

namespace stillcast::jpeg {
namespace {

std::vector<uint8_t> encoded(JpegEncoder& encoder, const Picture& picture, int quality) {
  std::span<const uint8_t> jpeg;
  const Status status = encoder.encode(picture, quality, jpeg);
  if (!status.is_ok()) throw std::runtime_error(status.message());
  return {jpeg.begin(), jpeg.end()};
}

class Comparison {
 public:
  Comparison() {
    sets_.push_back({reference_coder().name, std::make_unique<NativeEncoder>(reference_coder())});
    for (const Coder& coder : vector_coders()) sets_.push_back({coder.name, std::make_unique<NativeEncoder>(coder)});
  }

  void compare(const Picture& picture, int quality) {
    const std::vector<uint8_t> wanted = encoded(turbo_, picture, quality);
    for (Set& set : sets_) {
      if (encoded(*set.encoder, picture, quality) == wanted) continue;
      if (set.differing++ == 0) say_first(set, picture, quality);
    }
    ++stills_;
  }

  [[nodiscard]] int report() const {
    int differing = 0;
    for (const Set& set : sets_) {
      std::printf("%s: %d stills, %d differ\n", std::string(set.name).c_str(), stills_, set.differing);
      differing += set.differing;
    }
    return differing == 0 && stills_ > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  struct Set {
    std::string_view name;
    std::unique_ptr<NativeEncoder> encoder;
    int differing = 0;
  };

  void say_first(const Set& set, const Picture& picture, int quality) const {
    std::printf("%s: still %d, %dx%d at quality %d, is the first that differs\n", std::string(set.name).c_str(),
                stills_, picture.width(), picture.height(), quality);
  }

  TurboEncoder turbo_;
  std::vector<Set> sets_;
  int stills_ = 0;
};

// False at the end of the input.
bool read_frame(Picture& picture) {
  bool begun = false;
  for (Plane& plane : picture.planes) {
    const auto width = static_cast<size_t>(plane.width());
    for (int y = 0; y < plane.height(); ++y) {
      const size_t count = std::fread(plane.row(y), 1, width, stdin);
      if (count == 0 && !begun) return false;
      if (count != width) throw std::runtime_error("the last frame is cut off");
      begun = true;
    }
    plane.pad_edges();
  }
  return true;
}

void compare_frames(Comparison& comparison, const std::string& size, std::span<const std::string> qualities) {
  Size parsed;
  if (std::sscanf(size.c_str(), "%dx%d", &parsed.width, &parsed.height) != 2)
    throw std::runtime_error(size + ": is no size");
  Picture picture;
  picture.resize(parsed);
  while (read_frame(picture)) {
    for (const std::string& quality : qualities) comparison.compare(picture, std::stoi(quality));
  }
}

void compare_random(Comparison& comparison, int count, uint32_t seed) {
  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    const Size size{2 + 2 * static_cast<int>(random() % 640), 2 + 2 * static_cast<int>(random() % 360)};
    testing::Painter painter(static_cast<testing::Look>(random() % testing::kLooks), static_cast<uint32_t>(random()));
    comparison.compare(painter.paint(size), 1 + static_cast<int>(random() % 100));
  }
}

int run(std::span<const std::string> arguments) {
  Comparison comparison;
  if (arguments.size() >= 3 && arguments[0] == "frames") {
    compare_frames(comparison, arguments[1], arguments.subspan(2));
  } else if (arguments.size() == 3 && arguments[0] == "random") {
    compare_random(comparison, std::stoi(arguments[1]), static_cast<uint32_t>(std::stoul(arguments[2])));
  } else {
    throw std::runtime_error("see the head of identity.cpp for the arguments");
  }
  return comparison.report();
}

}  // namespace
}  // namespace stillcast::jpeg

int main(int count, char** values) {
  try {
    const std::vector<std::string> arguments(values + 1, values + count);
    return stillcast::jpeg::run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stillcast_identity: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
