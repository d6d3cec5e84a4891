#include "stillcast/due_heap.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "allocations.h"

namespace stillcast {
namespace {

using testing::allocations;

struct Thing {
  int64_t due_ns = 0;
  HeapPlace place;
};

TEST(DueHeap, GivesWhatIsDueFirstAndOfEqualsTheOneOfLowerOrder) {
  std::array<Thing, 4> things;
  DueHeap<size_t> heap;
  for (const auto& [index, due_ns] : {std::pair{3U, 20}, {1U, 10}, {2U, 20}, {0U, 30}}) {
    heap.put({due_ns, index, &things[index].place, index});
  }
  for (const size_t expected : {1U, 2U, 3U, 0U}) EXPECT_EQ(heap.take_first(), expected);
  EXPECT_TRUE(heap.empty());
}

// Against a sorted tree, with items that come, leave and change wherever they stand.
TEST(DueHeap, IsATreeThatIsSortedByTime) {
  std::mt19937 random(7);
  std::vector<Thing> things(300);
  std::set<std::pair<int64_t, size_t>> model;
  DueHeap<size_t> heap;
  for (int round = 0; round < 20'000; ++round) {
    const size_t index = random() % things.size();
    Thing& thing = things[index];
    const auto due_ns = static_cast<int64_t>(random() % 100);
    ASSERT_EQ(thing.place.in_heap(), model.contains({thing.due_ns, index}));
    if (!thing.place.in_heap()) {
      heap.put({due_ns, index, &thing.place, index});
      model.emplace(due_ns, index);
    } else if (model.erase({thing.due_ns, index}); random() % 3 == 0) {
      ASSERT_EQ(heap.take(thing.place), index);
    } else {
      heap.change(thing.place, due_ns);
      model.emplace(due_ns, index);
    }
    thing.due_ns = due_ns;
    ASSERT_EQ(heap.size(), model.size());
    if (model.empty()) continue;
    ASSERT_EQ(std::pair(heap.first().due_ns, heap.first().item), *model.begin());
  }
}

TEST(DueHeap, NeedsMemoryOnlyForMoreItemsThanThereWasRoomFor) {
  std::vector<Thing> things(100);
  DueHeap<size_t> heap;
  heap.make_room(things.size());
  const int before = allocations();
  for (size_t i = 0; i < things.size(); ++i) heap.put({static_cast<int64_t>(i % 7), i, &things[i].place, i});
  for (Thing& thing : things) heap.change(thing.place, 3);
  for (Thing& thing : things) heap.take(thing.place);
  EXPECT_EQ(allocations(), before);
}

TEST(DueHeap, LetsGoOfWhatIsTaken) {
  std::array<HeapPlace, 2> places;
  const auto item = std::make_shared<int>(1);
  DueHeap<std::shared_ptr<int>> heap;
  for (size_t i = 0; i < 2; ++i) heap.put({0, i, &places[i], item});
  EXPECT_EQ(item.use_count(), 3);
  heap.take(places[0]);
  EXPECT_EQ(item.use_count(), 2);
  heap.take_first();
  EXPECT_EQ(item.use_count(), 1);
}

}  // namespace
}  // namespace stillcast
