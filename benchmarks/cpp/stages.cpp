// The stages of the hot path one by one, for clocks and for valgrind:
//
//   stillcast_stages FRAME FORMAT WIDTHxHEIGHT SMALL WIDTHxHEIGHT STAGE COUNT
//
// FRAME is a raw picture of FORMAT, SMALL the same scaled to the second size as raw I420. Runs the stage COUNT times
// after two to warm up and prints, each on a line: its nanoseconds, then `allocations N` of one further run. Under
// callgrind only the COUNT runs are counted: --toggle-collect is not needed, --collect-atstart=no is.
//
// A new stage is a class with run(), and a row in kStages.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "allocations.h"
#include "stillcast/colour.h"
#include "stillcast/downscale.h"
#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/jpeg_encoder.h"
#include "stillcast/jpeg/native_encoder.h"
#include "stillcast/kernels/kernels.h"
#include "stillcast/luma_stats.h"
#include "stillcast/sampler.h"
#include "stillcast/still_maker.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

namespace stillcast::benchmarks {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

Size parse_size(const std::string& text) {
  Size size;
  if (std::sscanf(text.c_str(), "%dx%d", &size.width, &size.height) != 2) {
    throw std::runtime_error(text + ": is no size; write it as 1920x1080");
  }
  return size;
}

void require(const Status& status) {
  if (!status.is_ok()) throw std::runtime_error(status.message());
}

// Planes one after the other, no padding.
FrameView frame_of(const Bytes& bytes, std::string_view format, Size size) {
  const auto known = format_by_name(format);
  if (!known) throw std::runtime_error(std::string(format) + ": is no format");
  FrameView frame;
  frame.format = *known;
  frame.width = size.width;
  frame.height = size.height;
  frame.matrix = default_matrix(size.height);
  frame.full_range = default_full_range(*known);
  const FormatInfo& info = format_info(*known);
  const uint8_t* at = bytes.data();
  for (int p = 0; p < info.planes; ++p) {
    PlaneView& plane = frame.planes[static_cast<size_t>(p)];
    plane.data = at;
    plane.row_bytes = info.row_bytes(p, size.width);
    plane.stride_bytes = plane.row_bytes;
    plane.rows = info.rows(p, size.height);
    at += plane.stride_bytes * plane.rows;
  }
  if (at != bytes.data() + bytes.size()) throw std::runtime_error("the file's length is not that of the frame");
  require(check_frame(frame));
  return frame;
}

void load(Picture& picture, const Bytes& i420, Size size) {
  picture.resize(size);
  const uint8_t* at = i420.data();
  for (Plane& plane : picture.planes) {
    for (int y = 0; y < plane.height(); ++y, at += plane.width()) std::copy_n(at, plane.width(), plane.row(y));
    plane.pad_edges();
  }
}

// What every stage may work on.
struct Material {
  const Bytes& source;
  FrameView frame;
  StillSettings settings;
  Picture small;
};

class Stage {
 public:
  virtual ~Stage() = default;
  virtual void prepare() {}  // before each run, neither timed nor counted
  virtual void run() = 0;
};

class Whole final : public Stage {
 public:
  explicit Whole(Material& material) : material_(material) {}
  void run() override { require(maker_.make(material_.frame, material_.settings, still_)); }

 private:
  Material& material_;
  StillMaker maker_;
  StillView still_;
};

// Ours for AVX2, also where there is a better one.
std::unique_ptr<JpegEncoder> make_avx2_encoder() {
  for (const jpeg::Coder& coder : jpeg::vector_coders()) {
    if (coder.name == "AVX2") return std::make_unique<jpeg::NativeEncoder>(coder);
  }
  throw std::runtime_error("encode-avx2: this machine has no AVX2");
}

std::unique_ptr<JpegEncoder> make_best_encoder() { return make_encoder(EncoderChoice::kAuto); }
std::unique_ptr<JpegEncoder> make_turbo_encoder() { return make_encoder(EncoderChoice::kTurbo); }

template <std::unique_ptr<JpegEncoder> (*kMake)()>
class Encode final : public Stage {
 public:
  explicit Encode(Material& material) : material_(material) {}
  void run() override {
    std::span<const uint8_t> jpeg;
    require(encoder_->encode(material_.small, material_.settings.quality, jpeg));
  }

 private:
  Material& material_;
  const std::unique_ptr<JpegEncoder> encoder_ = kMake();
};

class Luma final : public Stage {
 public:
  explicit Luma(Material& material) : material_(material) {}
  void run() override {
    const Plane& luma = material_.small.planes[0];
    meter_.start({luma.width(), luma.height()});
    for (int y = 0; y < luma.height(); ++y) meter_.add(luma.row(y));
    stats_ = meter_.finish();
  }

 private:
  Material& material_;
  LumaMeter meter_;
  LumaStats stats_;
};

class Scale : public Stage {
 public:
  explicit Scale(Material& material)
      : material_(material), size_(still_size(material.frame, material.settings.max_size)) {
    downscaler_.prepare(material.frame, size_);
  }
  void run() override {
    for (int pair = 0; pair < size_.height / 2; ++pair) rows_ = downscaler_.scale(material_.frame, pair);
  }

 protected:
  Material& material_;
  const Size size_;
  Downscaler downscaler_;
  ScaledRows rows_{};
};

// Of as many rows as the small picture has; the same two rows each time, as near in the cache as they are in a still.
class Colour final : public Scale {
 public:
  explicit Colour(Material& material) : Scale(material) {
    picture_.resize(size_);
    Scale::run();
  }
  void run() override {
    auto& [luma, cb, cr] = picture_.planes;
    const bool rgb = format_info(material_.frame.format).rgb;
    for (int pair = 0; pair < cb.height(); ++pair) {
      const PictureRows to{{luma.row(2 * pair), luma.row(2 * pair + 1)}, cb.row(pair), cr.row(pair)};
      if (rgb) {
        best_kernels().convert_rgb(rgb_, rows_, cb.width(), to);
      } else {
        best_kernels().convert_ycc(ycc_, rows_, cb.width(), to);
      }
    }
  }

 private:
  const YccTransform ycc_ = ycc_to_jfif(material_.frame);
  const RgbTransform rgb_ = rgb_to_jfif(material_.frame);
  Picture picture_;
};

// A feed whose next tick is an hour away.
class Push : public Stage {
 public:
  explicit Push(Material& material) : material_(material) {
    feed_->push(material_.frame);  // the first frame is wanted
    sampler_.step();
    feed_->push(material_.frame);  // and that of the first tick
    sampler_.step();
  }

 protected:
  Material& material_;
  Sampler sampler_{std::make_shared<SystemClock>(), {}};
  std::shared_ptr<Feed> feed_ = sampler_.open_feed({3600 * kNsPerSecond, {}});
};

// A thousand at a time: one alone is shorter than asking a clock.
class PushIdle final : public Push {
 public:
  using Push::Push;
  static constexpr int kTimes = 1000;
  void run() override {
    for (int i = 0; i < kTimes; ++i) {
      if (feed_->push(material_.frame)) throw std::runtime_error("a push with nothing due was taken");
    }
  }
};

class PushDue final : public Push {
 public:
  using Push::Push;
  void prepare() override {
    sampler_.step();
    feed_->request_snapshot();
  }
  void run() override {
    if (!feed_->push(material_.frame)) throw std::runtime_error("a push that is due was not taken");
  }
};

// What a push that is due is compared with: into memory that was touched before, another one each time as in the ring.
class Memcpy final : public Stage {
 public:
  explicit Memcpy(Material& material) : source_(material.source) { copies_.fill(source_); }
  void run() override {
    Bytes& copy = copies_[next_++ % copies_.size()];
    std::memcpy(copy.data(), source_.data(), source_.size());
  }

 private:
  const Bytes& source_;
  std::array<Bytes, 4> copies_;
  size_t next_ = 0;
};

struct Row {
  std::string_view name;
  std::unique_ptr<Stage> (*make)(Material&);
  int times = 1;  // per run
};

template <typename T>
std::unique_ptr<Stage> make(Material& material) {
  return std::make_unique<T>(material);
}

constexpr std::array kStages{
    Row{"whole", make<Whole>},
    Row{"scale", make<Scale>},
    Row{"colour", make<Colour>},
    Row{"encode", make<Encode<make_best_encoder>>},
    Row{"encode-turbo", make<Encode<make_turbo_encoder>>},
    Row{"encode-avx2", make<Encode<make_avx2_encoder>>},
    Row{"luma", make<Luma>},
    Row{"push-idle", make<PushIdle>, PushIdle::kTimes},
    Row{"push-due", make<PushDue>},
    Row{"memcpy", make<Memcpy>},
};

const Row& row_of(std::string_view name) {
  const auto* found = std::find_if(kStages.begin(), kStages.end(), [name](const Row& row) { return row.name == name; });
  if (found == kStages.end()) throw std::runtime_error(std::string(name) + ": is no stage");
  return *found;
}

double one_run(Stage& stage) {
  stage.prepare();
  const auto began = std::chrono::steady_clock::now();
  CALLGRIND_TOGGLE_COLLECT;
  stage.run();
  CALLGRIND_TOGGLE_COLLECT;
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count();
}

void warm_up(Stage& stage) {
  for (int i = 0; i < 2; ++i) {
    stage.prepare();
    stage.run();
  }
}

int64_t allocations_of_a_run(Stage& stage) {
  stage.prepare();
  const int64_t before = allocations();
  stage.run();
  return allocations() - before;
}

void measure(std::span<const std::string> arguments) {
  if (arguments.size() != 7) throw std::runtime_error("see the head of stages.cpp for the arguments");
  const Bytes source = read_file(arguments[0]);
  const Size small = parse_size(arguments[4]);
  Material material{source, frame_of(source, arguments[1], parse_size(arguments[2])), {small, 80}, {}};
  load(material.small, read_file(arguments[3]), small);
  const Row& row = row_of(arguments[5]);
  const auto stage = row.make(material);
  warm_up(*stage);
  for (int i = std::stoi(arguments[6]); i > 0; --i) std::printf("%.2f\n", one_run(*stage) / row.times);
  std::printf("allocations %.3f\n", static_cast<double>(allocations_of_a_run(*stage)) / row.times);
}

}  // namespace
}  // namespace stillcast::benchmarks

int main(int count, char** values) {
  try {
    const std::vector<std::string> arguments(values + 1, values + count);
    stillcast::benchmarks::measure(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stillcast_stages: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
