#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace stillcast {

// Where an item stands in a DueHeap; lies in the item, so that it is found without a search.
class HeapPlace {
 public:
  [[nodiscard]] bool in_heap() const noexcept { return index_ != kNowhere; }

 private:
  template <typename>
  friend class DueHeap;

  static constexpr size_t kNowhere = std::numeric_limits<size_t>::max();
  size_t index_ = kNowhere;
};

// What is due when, soonest first. A binary heap in one array, in which any item can leave or change its time at once:
// O(log n), and no memory but in make_room(). Not for several threads.
template <typename Item>
class DueHeap {
 public:
  // Of two that are due at once, the one of the lower order comes first.
  struct Entry {
    int64_t due_ns;
    uint64_t order;
    HeapPlace* place;
    Item item;

    friend bool operator<(const Entry& a, const Entry& b) noexcept {
      return std::pair(a.due_ns, a.order) < std::pair(b.due_ns, b.order);
    }
  };

  // For so many items in all. Throws std::bad_alloc.
  void make_room(size_t items) {
    if (items > entries_.capacity()) entries_.reserve(std::max(items, 2 * entries_.capacity()));
  }

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] const Entry& first() const noexcept { return entries_.front(); }

  [[nodiscard]] int64_t due_ns(const HeapPlace& place) const noexcept { return entries_[place.index_].due_ns; }

  // There is room, and the item is in no heap.
  void put(Entry entry) {
    entries_.push_back(std::move(entry));
    rise(entries_.size() - 1, std::move(entries_.back()));
  }

  void change(const HeapPlace& place, int64_t due_ns) noexcept {
    Entry entry = std::move(entries_[place.index_]);
    entry.due_ns = due_ns;
    settle(place.index_, std::move(entry));
  }

  Item take(HeapPlace& place) noexcept {
    const size_t hole = std::exchange(place.index_, HeapPlace::kNowhere);
    Item item = std::move(entries_[hole].item);
    Entry last = std::move(entries_.back());
    entries_.pop_back();
    if (hole < entries_.size()) settle(hole, std::move(last));
    return item;
  }

  template <typename Use>
  void for_each(Use use) const {
    for (const Entry& entry : entries_) use(entry.item);
  }

  Item take_first() noexcept { return take(*entries_.front().place); }

 private:
  void settle(size_t hole, Entry entry) noexcept {
    if (hole > 0 && entry < entries_[parent(hole)]) {
      rise(hole, std::move(entry));
    } else {
      sink(hole, std::move(entry));
    }
  }

  void rise(size_t hole, Entry entry) noexcept {
    for (; hole > 0 && entry < entries_[parent(hole)]; hole = parent(hole)) {
      set(hole, std::move(entries_[parent(hole)]));
    }
    set(hole, std::move(entry));
  }

  void sink(size_t hole, Entry entry) noexcept {
    for (size_t child = 2 * hole + 1; child < entries_.size(); child = 2 * hole + 1) {
      if (child + 1 < entries_.size() && entries_[child + 1] < entries_[child]) ++child;
      if (!(entries_[child] < entry)) break;
      set(hole, std::move(entries_[child]));
      hole = child;
    }
    set(hole, std::move(entry));
  }

  void set(size_t index, Entry entry) noexcept {
    entry.place->index_ = index;
    entries_[index] = std::move(entry);
  }

  static size_t parent(size_t index) noexcept { return (index - 1) / 2; }

  std::vector<Entry> entries_;
};

}  // namespace stillcast
