#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "stillcast/due_heap.h"
#include "stillcast/parking.h"

namespace stillcast {

class Feed;

// Feeds that have something for the workers, as hosts list them. Lock-free: hosts push, a worker takes all at once.
class ReadyList {
 public:
  void push(std::shared_ptr<Feed> feed) noexcept;
  // Takes all that are listed and calls use(std::shared_ptr<Feed>) with each, in the order in which they came. Needs no
  // memory.
  template <typename Use>
  void take_all(Use use);

 private:
  // The oldest of those that were listed; each has the next one in next_ready_.
  [[nodiscard]] Feed* unlist_all() noexcept;

  std::atomic<Feed*> head_{nullptr};
};

// Feeds that have something for the workers; whoever has waited longest first.
//
// Note [Oldest due first]
// When more frames wait than workers can serve, the feed whose tick was due first is served first, whenever its frame
// came: so lateness is bounded by the load and not by luck. What a snapshot is wanted for was due when it was asked
// for; a feed's first picture is due an interval after the feed was opened. A tick that the next one overtakes is late,
// and its feed then waits for the newer one: so a feed's place is looked at again when it comes to the front. Ties go
// by arrival.
//
// Hosts list without a lock; workers move what is listed into a heap under a mutex that hosts never take.
class Backlog {
 public:
  // Any thread; lock-free. The feed is listed nowhere else. Wakes a worker if one sleeps.
  void list(std::shared_ptr<Feed> feed) noexcept;
  // Any thread: lets go of what hosts have listed, so that it can be listed again.
  void drop_listed() noexcept;

  // Any thread, before as many feeds may be listed at once: no memory is needed then. Throws std::bad_alloc.
  void make_room(size_t feeds);
  // A worker. The feed that is to be served next, or nullptr if there is none.
  [[nodiscard]] std::shared_ptr<Feed> take() noexcept;
  // The same, but sleeps when there is none: then it returns nullptr after it was woken.
  [[nodiscard]] std::shared_ptr<Feed> take_or_sleep() noexcept;
  // Ends the sleep of so many workers, or their next one.
  void wake_all(int workers) noexcept { parking_.wake_all(workers); }

 private:
  void take_in_listed() noexcept;
  void settle_first() noexcept;

  ReadyList listed_;
  Parking parking_;
  std::mutex mutex_;  // guards what follows; never taken by push
  DueHeap<std::shared_ptr<Feed>> waiting_;
  uint64_t arrivals_ = 0;
};

}  // namespace stillcast
