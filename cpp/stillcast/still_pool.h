#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include "stillcast/counters.h"
#include "stillcast/fork_guard.h"
#include "stillcast/still_maker.h"

namespace stillcast {

// A still and where it comes from, between the workers and whoever stores it.
struct CapturedStill {
  EncodedStill still;
  uint64_t feed_id = 0;
  bool tick = false;      // made because a tick was due
  bool snapshot = false;  // made because a snapshot was asked for
  // Why there is no still: then this only tells of a tick that was due at captured_utc_ns.
  std::optional<Missed> missed;
  int64_t captured_utc_ns = 0;
  int64_t pushed_ns = 0;
  double frame_age_ms = 0;
  double lateness_ms = 0;
  Size source;
  std::optional<int64_t> pts_ns;
};

using CapturedStillPtr = std::shared_ptr<const CapturedStill>;

// Memory in blocks of one size, which come back for the next one. Any thread.
//
// Note [Stills come from a pool]
// A still is shared by the queue, its feed and the host's Python, so nobody knows who lets go of it last. What its
// count and its facts lie in goes back to this pool, so that in steady state a still costs one allocation: its JPEG, in
// exactly its size. There are as many blocks as stills ever lived at once: the feeds, and what waits in the queue.
class BlockPool {
 public:
  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // Always of the same size, a few pointers at least. Throws std::bad_alloc.
  [[nodiscard]] void* take(size_t bytes);
  // In a forked child the block is left alone: Note [A fork in the host].
  void give(void* block) noexcept;

 private:
  struct Free {
    Free* next;
  };

  const ForkGuard fork_guard_;
  std::mutex mutex_;  // guards what follows; never taken by push
  Free* free_ = nullptr;
};

// Makes stills whose memory is used again.
class StillPool {
 public:
  // Throws std::bad_alloc.
  [[nodiscard]] std::shared_ptr<CapturedStill> make() {
    return std::allocate_shared<CapturedStill>(Allocator<CapturedStill>{blocks_});
  }

 private:
  // What std::allocate_shared asks for: one block for each still, of a type of its own. Its copy in each still keeps
  // the pool alive.
  template <typename T>
  struct Allocator {
    using value_type = T;

    explicit Allocator(std::shared_ptr<BlockPool> pool) noexcept : blocks(std::move(pool)) {}
    template <typename U>
    explicit(false) Allocator(const Allocator<U>& other) noexcept : blocks(other.blocks) {}

    [[nodiscard]] T* allocate(size_t count) { return static_cast<T*>(blocks->take(count * sizeof(T))); }
    void deallocate(T* block, size_t) noexcept { blocks->give(block); }
    friend bool operator==(const Allocator&, const Allocator&) = default;

    std::shared_ptr<BlockPool> blocks;
  };

  std::shared_ptr<BlockPool> blocks_ = std::make_shared<BlockPool>();
};

}  // namespace stillcast
