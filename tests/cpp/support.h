#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "stillcast/clock.h"
#include "stillcast/frame.h"
#include "stillcast/picture.h"

namespace stillcast::testing {

// A frame that owns its planes, each row padded by some bytes of garbage.
class OwnedFrame {
 public:
  OwnedFrame(PixelFormat format, int width, int height, int padding = 0) {
    frame_.format = format;
    frame_.width = width;
    frame_.height = height;
    frame_.matrix = ColourMatrix::kBt601;
    frame_.full_range = true;
    const FormatInfo& info = format_info(format);
    for (int p = 0; p < info.planes; ++p) {
      const auto index = static_cast<size_t>(p);
      PlaneView& plane = frame_.planes[index];
      plane.row_bytes = info.row_bytes(p, width);
      plane.rows = info.rows(p, height);
      plane.stride_bytes = plane.row_bytes + padding;
      bytes_[index].assign(static_cast<size_t>(plane.stride_bytes) * static_cast<size_t>(plane.rows), 0xA5);
      plane.data = bytes_[index].data();
    }
  }
  OwnedFrame(const OwnedFrame&) = delete;
  OwnedFrame& operator=(const OwnedFrame&) = delete;

  [[nodiscard]] FrameView& view() { return frame_; }
  [[nodiscard]] const FrameView& view() const { return frame_; }

  [[nodiscard]] uint8_t& sample(int component, int x, int y) {
    const Component& c = format_info(frame_.format).component[static_cast<size_t>(component)];
    const auto plane = static_cast<size_t>(c.plane);
    const auto offset = y * frame_.planes[plane].stride_bytes + x * c.step_bytes + c.offset_bytes;
    return bytes_[plane][static_cast<size_t>(offset)];
  }

  [[nodiscard]] int component_width(int component) const { return extent(frame_.width, sub(component).sub_x); }
  [[nodiscard]] int component_height(int component) const { return extent(frame_.height, sub(component).sub_y); }

  OwnedFrame& fill(const std::function<uint8_t(int component, int x, int y)>& value) {
    for (int c = 0; c < format_info(frame_.format).components; ++c) {
      for (int y = 0; y < component_height(c); ++y) {
        for (int x = 0; x < component_width(c); ++x) sample(c, x, y) = value(c, x, y);
      }
    }
    return *this;
  }

  OwnedFrame& fill(uint8_t a, uint8_t b, uint8_t c) {
    return fill([=](int component, int, int) { return component == 0 ? a : component == 1 ? b : c; });
  }

  OwnedFrame& randomise(uint32_t seed) {
    std::mt19937 random(seed);
    return fill([&random](int, int, int) { return static_cast<uint8_t>(random()); });
  }

 private:
  [[nodiscard]] const Component& sub(int component) const {
    return format_info(frame_.format).component[static_cast<size_t>(component)];
  }
  static int extent(int side, int sub) { return (side + sub - 1) / sub; }

  FrameView frame_;
  std::array<std::vector<uint8_t>, kMaxPlanes> bytes_;
};

// Stands still until it is moved.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] int64_t monotonic_ns() const noexcept override {
    return now_ns_.fetch_add(asks_left_-- == 1 ? after_asks_ns_.load() : 0);
  }
  [[nodiscard]] int64_t utc_ns() const noexcept override { return kUtcAtZero + now_ns_.load(); }
  void advance_ms(int64_t ms) { advance_ns(ms * kNsPerMs); }
  void advance_ns(int64_t ns) { now_ns_ += ns; }
  // Moves once so many have asked for the time from now on.
  void advance_after_asks(int asks, int64_t ms) {
    after_asks_ns_ = ms * kNsPerMs;
    asks_left_ = asks;
  }

  static constexpr int64_t kUtcAtZero = 1'700'000'000 * kNsPerSecond;

 private:
  mutable std::atomic<int64_t> now_ns_{kNsPerSecond};
  mutable std::atomic<int64_t> asks_left_{0};
  std::atomic<int64_t> after_asks_ns_{0};
};

inline constexpr std::array kAllFormats{
    PixelFormat::kI420,  PixelFormat::kNv12,  PixelFormat::kNv21,  PixelFormat::kYuy2, PixelFormat::kUyvy,
    PixelFormat::kGray8, PixelFormat::kRgb24, PixelFormat::kBgr24, PixelFormat::kRgba, PixelFormat::kBgra};

}  // namespace stillcast::testing
