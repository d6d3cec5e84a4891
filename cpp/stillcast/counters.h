#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stillcast/histogram.h"

namespace stillcast {

// Why a tick brought no still.
enum class Missed : uint8_t { kNoFrame, kLate, kClosed, kEncodeFailed, kQueueFull };
constexpr std::array<std::string_view, 5> kMissedNames{"no_frame", "late", "closed", "encode_failed", "queue_full"};

// Why a snapshot, asked for beside the ticks, brought no still although its frame came.
enum class MissedSnapshot : uint8_t { kEncodeFailed, kQueueFull };
constexpr std::array<std::string_view, 2> kMissedSnapshotNames{"encode_failed", "queue_full"};

// Why a push was not taken although its feed was due, or at all. kNoMemory: the slot was too small and could not be
// enlarged.
enum class Refused : uint8_t { kClosed, kNotAFrame, kNoSlot, kSlotTooSmall, kNoMemory };
constexpr std::array<std::string_view, 5> kRefusedNames{"closed", "not_a_frame", "no_slot", "slot_too_small",
                                                        "no_memory"};

// Counted by any thread, read by any. Every tick ends as a still or as missed; one that waits for its frame is neither
// yet.
struct Counters {
  std::atomic<uint64_t> ticks{0};
  std::atomic<uint64_t> tick_stills{0};
  std::atomic<uint64_t> snapshot_stills{0};  // made for a snapshot and for no tick
  std::array<std::atomic<uint64_t>, kMissedNames.size()> missed{};
  std::array<std::atomic<uint64_t>, kMissedSnapshotNames.size()> missed_snapshots{};
  std::array<std::atomic<uint64_t>, kRefusedNames.size()> refused{};
  DelayHistogram lateness;   // of stills for a tick: from its due time to the push of the frame
  DelayHistogram frame_age;  // of stills for a tick or a snapshot: from the push to the begin of its still

  static void count(std::atomic<uint64_t>& counter, uint64_t times = 1) noexcept {
    counter.fetch_add(times, std::memory_order_relaxed);
  }
  void count(Missed reason, uint64_t times = 1) noexcept { count(missed[static_cast<size_t>(reason)], times); }
  void count(MissedSnapshot reason) noexcept { count(missed_snapshots[static_cast<size_t>(reason)]); }
  void count(Refused reason) noexcept { count(refused[static_cast<size_t>(reason)]); }
};

}  // namespace stillcast
