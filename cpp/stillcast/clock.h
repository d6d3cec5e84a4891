#pragma once

#include <cstdint>

namespace stillcast {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMs = 1'000'000;

// The seam that tests move by hand. Implementations may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual int64_t monotonic_ns() const noexcept = 0;
  // Nanoseconds since 1970-01-01 UTC.
  [[nodiscard]] virtual int64_t utc_ns() const noexcept = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] int64_t monotonic_ns() const noexcept override;
  [[nodiscard]] int64_t utc_ns() const noexcept override;
};

}  // namespace stillcast
