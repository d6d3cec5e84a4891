#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "stillcast/due_heap.h"

namespace stillcast {

class Feed;

// What Timers keeps in a feed; guarded by its mutex.
struct TimerState {
  HeapPlace place;
  int64_t interval_ns = 0;
};

// A tick that has come due, and how many before it were due as well: they are skipped.
struct DueTick {
  std::shared_ptr<Feed> feed;
  int64_t due_ns = 0;
  int64_t skipped = 0;
};

// When each feed ticks next. Any thread.
//
// Note [Phase]
// Ticks of a feed stand at origin + phase + k * interval, whatever the load: no drift. Phases follow the golden ratio,
// which spreads any number of feeds over the interval, however many came or left before. A feed whose interval changes
// gets the phase that it would have had from the start. A tick that could not be fired in its interval is skipped and
// counted, never made up for.
class Timers {
 public:
  // The feed's first tick is the next one on its grid. Throws std::bad_alloc. What these three return is whether the
  // next tick of all is sooner now: whoever sleeps until it has to look again. False from close() on.
  bool add(const std::shared_ptr<Feed>& feed, int64_t interval_ns, int64_t now_ns);
  // Nothing happens if the feed has the interval already, or no ticks any more.
  bool change(Feed& feed, int64_t interval_ns, int64_t now_ns) noexcept;
  void remove(Feed& feed) noexcept;

  // Takes ticks that are due, the oldest first, as many as there is room for; their feeds' next ticks are set. Returns
  // how many.
  [[nodiscard]] size_t take_due(int64_t now_ns, std::span<DueTick> ticks) noexcept;
  // The time of the next tick of all; the largest number if there is none.
  [[nodiscard]] int64_t next_ns() const noexcept;
  // The same of one feed.
  [[nodiscard]] int64_t next_ns(const Feed& feed) const noexcept;

  [[nodiscard]] size_t size() const noexcept;
  // Closes every feed; none ticks any more, and none is added.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept;
  // Removes a feed, if there is one.
  [[nodiscard]] std::shared_ptr<Feed> take_any() noexcept;

 private:
  [[nodiscard]] int64_t next_of(const Feed& feed, int64_t now_ns) const noexcept;
  [[nodiscard]] int64_t next_locked() const noexcept;
  [[nodiscard]] DueTick next_tick(int64_t now_ns) noexcept;

  mutable std::mutex mutex_;  // guards what follows, and the TimerState of feeds; never taken by push
  DueHeap<std::shared_ptr<Feed>> timers_;
  int64_t origin_ns_ = 0;
  bool begun_ = false;
  bool closed_ = false;
};

}  // namespace stillcast
