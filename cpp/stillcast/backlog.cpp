#include "stillcast/backlog.h"

#include <utility>

#include "stillcast/feed.h"

namespace stillcast {

void ReadyList::push(std::shared_ptr<Feed> feed) noexcept {
  Feed* node = feed.get();
  node->self_ = std::move(feed);
  node->next_ready_ = head_.load(std::memory_order_relaxed);
  // SYNC POINT ready.head: pairs with the exchange in unlist_all(); it carries self_ and next_ready_. Sequentially
  // consistent for the sake of intake.stopped and parking.asleep.
  while (!head_.compare_exchange_weak(node->next_ready_, node, std::memory_order_seq_cst, std::memory_order_relaxed)) {
  }
}

Feed* ReadyList::unlist_all() noexcept {
  // SYNC POINT ready.head: pairs with the exchange in push().
  Feed* newest = head_.exchange(nullptr, std::memory_order_seq_cst);
  Feed* oldest = nullptr;
  while (newest != nullptr) {
    Feed* older = std::exchange(newest->next_ready_, oldest);
    oldest = std::exchange(newest, older);
  }
  return oldest;
}

template <typename Use>
void ReadyList::take_all(Use use) {
  for (Feed* node = unlist_all(); node != nullptr;) {
    // Both before use(): whoever has the feed then may list it again.
    Feed* next = node->next_ready_;
    std::shared_ptr<Feed> feed = std::move(node->self_);
    use(std::move(feed));
    node = next;
  }
}

void Backlog::list(std::shared_ptr<Feed> feed) noexcept {
  listed_.push(std::move(feed));
  parking_.wake_one();
}

void Backlog::drop_listed() noexcept {
  listed_.take_all([](const std::shared_ptr<Feed>& feed) { feed->unlist(); });
}

void Backlog::make_room(size_t feeds) {
  const std::lock_guard lock(mutex_);
  waiting_.make_room(feeds);
}

std::shared_ptr<Feed> Backlog::take() noexcept {
  const std::lock_guard lock(mutex_);
  take_in_listed();
  if (waiting_.empty()) return nullptr;
  settle_first();
  return waiting_.take_first();
}

std::shared_ptr<Feed> Backlog::take_or_sleep() noexcept {
  if (auto feed = take()) return feed;
  parking_.lie_down();
  if (auto feed = take()) {
    parking_.stay();
    return feed;
  }
  parking_.sleep();
  return nullptr;
}

void Backlog::take_in_listed() noexcept {
  listed_.take_all([this](std::shared_ptr<Feed> feed) {
    const int64_t due_ns = feed->waits_since_ns();
    HeapPlace* place = &feed->backlog_place_;
    waiting_.put({due_ns, arrivals_++, place, std::move(feed)});
  });
}

// Until the first one is where it belongs: its tick may have been overtaken while it waited.
void Backlog::settle_first() noexcept {
  for (;;) {
    const auto& first = waiting_.first();
    const int64_t due_ns = first.item->waits_since_ns();
    if (due_ns <= first.due_ns) return;
    waiting_.change(*first.place, due_ns);
  }
}

}  // namespace stillcast
