#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "stillcast/frame.h"

namespace stillcast {

// One place in the ring: memory for a frame, and the frame last copied into it. Belongs to whoever acquired it.
struct Slot {
  FrameView frame;  // its planes point into this slot
  int64_t pushed_ns = 0;
  int64_t pushed_utc_ns = 0;

  Slot() = default;
  // Changed by the sampler's thread alone, so that it may ask without owning the slot.
  [[nodiscard]] size_t capacity_bytes() const noexcept { return capacity_bytes_; }
  // False, and the slot as it was, when there is no memory.
  bool reserve(size_t bytes) noexcept;
  // Copies the frame's planes; the slot has room for frame_bytes(frame).
  void copy(const FrameView& source) noexcept;

 private:
  struct Free {
    void operator()(uint8_t* bytes) const noexcept;
  };
  std::unique_ptr<uint8_t, Free> bytes_;
  size_t capacity_bytes_ = 0;
};

// What a frame takes up in a slot: its rows, each padded to whole cache lines.
[[nodiscard]] size_t frame_bytes(const FrameView& frame) noexcept;

// Note [One ring for all feeds]
// A frame waits in a slot only from the push that found its feed due until the sampler has made the still, some
// milliseconds. So the slots are shared: memory is bounded by the frames in work, not by the number of feeds, and a
// feed that is not due holds nothing. Hosts take a slot and never wait for one: no slot free means the push is
// refused and counted, and the feed stays due for the next frame.
//
// Note [Who allocates]
// Slots begin large enough for common frames (untouched memory is not resident). A larger frame is refused once, asks
// for growth, and the sampler's thread allocates; the host's thread never does. Slots are enlarged one by one, so that
// hosts find the others free meanwhile, and those in use when they come free.
class FrameRing {
 public:
  static constexpr int kMaxSlots = 64;

  FrameRing(int slots, size_t slot_bytes);

  // Any thread; lock-free. A slot that nobody else has, or nullptr when no more than `left_free` are free.
  [[nodiscard]] Slot* acquire(int left_free = 0) noexcept;
  void release(Slot* slot) noexcept;

  // Any thread; lock-free. Asks for slots of at least so many bytes.
  void request_growth(size_t bytes) noexcept;
  // The sampler's thread: enlarges the free slots that are smaller than was asked for. True when none is left that is
  // smaller; false when one was in use or there was no memory, for which see lacks_memory_for().
  bool grow_free_slots() noexcept;
  // Any thread. Whether the last attempt to make slots for so many bytes found no memory.
  [[nodiscard]] bool lacks_memory_for(size_t bytes) const noexcept {
    return bytes >= bytes_denied_.load(std::memory_order_relaxed);
  }

  [[nodiscard]] int slots() const noexcept { return static_cast<int>(slots_.size()); }
  [[nodiscard]] int free_slots() const noexcept;

 private:
  [[nodiscard]] bool acquire_this(const Slot& slot) noexcept;
  [[nodiscard]] uint64_t bit(const Slot& slot) const noexcept {
    return uint64_t{1} << static_cast<uint64_t>(&slot - slots_.data());
  }

  std::vector<Slot> slots_;
  std::atomic<uint64_t> free_;
  std::atomic<size_t> slot_bytes_wanted_;
  std::atomic<size_t> bytes_denied_{std::numeric_limits<size_t>::max()};
};

// The newest frame of one feed: latest value wins, neither side waits, no frame is ever seen half written because a
// slot has one owner at a time.
class NewestFrame {
 public:
  // Returns the frame that was replaced, if any; the caller releases it.
  [[nodiscard]] Slot* publish(Slot* slot) noexcept;
  [[nodiscard]] Slot* take() noexcept;
  // Whether a frame waits; a hint, true only for the moment.
  [[nodiscard]] bool waits() const noexcept { return slot_.load(std::memory_order_relaxed) != nullptr; }

 private:
  std::atomic<Slot*> slot_{nullptr};
};

}  // namespace stillcast
