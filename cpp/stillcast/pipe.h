#pragma once

#include <cstdint>

namespace stillcast {

// Bytes that wake threads: to write one takes no lock that a slower thread can hold, and never blocks.
class Pipe {
 public:
  enum class Reading : uint8_t { kBlocks, kReturns };

  // Throws std::system_error.
  explicit Pipe(Reading reading);
  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void write_one() noexcept;
  // Waits for a byte and takes it.
  void read_one() noexcept;
  // Waits for bytes for so long, rounded up to milliseconds, and takes some of them.
  void read_within(int64_t timeout_ns) noexcept;

 private:
  int read_end_ = -1;
  int write_end_ = -1;
};

}  // namespace stillcast
