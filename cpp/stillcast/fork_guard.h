#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace stillcast {

// Note [A fork in the host]
// A forked child has a copy of our memory and none of our threads: a lock may be held for ever, what another thread was
// changing is half changed, a condition variable waits in its destructor for waiters that are gone, and the other end
// of every pipe is the parent's. So a child leaves alone what threads share: it takes no lock, wakes nobody and
// destroys nothing of it; the memory stays, shared with the parent until one of them writes. What is made in the child
// is the child's own and works.

// Knows whether a fork lies between the making of this object and now.
class ForkGuard {
 public:
  // Throws std::system_error when forks cannot be watched.
  ForkGuard();
  // Whether this process is a forked child of the one that made this. Any thread; one load.
  [[nodiscard]] bool in_child() const noexcept { return born_after_ != forks.load(std::memory_order_relaxed); }

 private:
  // Of this process and those it descends from. The one global: fork's handlers are told nothing else. Not the process
  // id, which costs a system call and may be the same in another namespace.
  static inline std::atomic<uint64_t> forks{0};

  uint64_t born_after_;
};

// Owns what threads of this process work on; a forked child leaves it as it is: Note [A fork in the host].
template <typename T>
class OwnedHere {
 public:
  template <typename... Arguments>
  explicit OwnedHere(Arguments&&... arguments) : object_(new T(std::forward<Arguments>(arguments)...)) {}
  ~OwnedHere() {
    if (!fork_guard_.in_child()) delete object_;
  }
  OwnedHere(const OwnedHere&) = delete;
  OwnedHere& operator=(const OwnedHere&) = delete;

  T* operator->() const noexcept { return object_; }

 private:
  ForkGuard fork_guard_;
  T* const object_;
};

}  // namespace stillcast
