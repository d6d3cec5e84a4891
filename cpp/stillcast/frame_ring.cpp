#include "stillcast/frame_ring.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "stillcast/aligned_vector.h"

namespace stillcast {

namespace {

constexpr size_t padded(int row_bytes) noexcept {
  return (static_cast<size_t>(row_bytes) + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

// Where neither side pads its rows a plane is one run of bytes, which memcpy moves faster than its rows one by one.
void copy_plane(const PlaneView& from, size_t stride, uint8_t* out) noexcept {
  const auto row_bytes = static_cast<size_t>(from.row_bytes);
  const auto rows = static_cast<size_t>(from.rows);
  if (from.stride_bytes == static_cast<ptrdiff_t>(stride) && stride == row_bytes && from.rows_per_line == 1) {
    std::memcpy(out, from.row(0), row_bytes * rows);
    return;
  }
  for (int y = 0; y < from.rows; ++y, out += stride) std::memcpy(out, from.row(y), row_bytes);
}

}  // namespace

void Slot::Free::operator()(uint8_t* bytes) const noexcept {
  ::operator delete(bytes, std::align_val_t{kCacheLineBytes});
}

bool Slot::reserve(size_t bytes) noexcept {
  if (bytes <= capacity_bytes_) return true;
  auto* memory = static_cast<uint8_t*>(::operator new(bytes, std::align_val_t{kCacheLineBytes}, std::nothrow));
  if (memory == nullptr) return false;
  bytes_.reset(memory);
  capacity_bytes_ = bytes;
  return true;
}

void Slot::copy(const FrameView& source) noexcept {
  frame = source;
  uint8_t* out = bytes_.get();
  for (size_t p = 0; p < static_cast<size_t>(format_info(source.format).planes); ++p) {
    const PlaneView& from = source.planes[p];
    const size_t stride = padded(from.row_bytes);
    frame.planes[p] = {out, static_cast<ptrdiff_t>(stride), from.row_bytes, from.rows};
    copy_plane(from, stride, out);
    out += stride * static_cast<size_t>(from.rows);
  }
}

size_t frame_bytes(const FrameView& frame) noexcept {
  size_t bytes = 0;
  for (size_t p = 0; p < static_cast<size_t>(format_info(frame.format).planes); ++p) {
    bytes += padded(frame.planes[p].row_bytes) * static_cast<size_t>(frame.planes[p].rows);
  }
  return bytes;
}

FrameRing::FrameRing(int slots, size_t slot_bytes)
    : slots_(static_cast<size_t>(std::clamp(slots, 1, kMaxSlots))),
      free_(~uint64_t{0} >> (kMaxSlots - slots_.size())),
      slot_bytes_wanted_(slot_bytes) {
  if (!grow_free_slots()) throw std::bad_alloc();  // none is in use yet
}

// The lowest slot first, so that as few as can be are ever touched, and one that came free a moment ago and is still in
// the cache is likely taken again.
Slot* FrameRing::acquire(int left_free) noexcept {
  uint64_t free = free_.load(std::memory_order_relaxed);
  while (std::popcount(free) > left_free) {
    // SYNC POINT ring.slot: the acquire pairs with the release in release(), so the last owner is done with the slot.
    if (free_.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire, std::memory_order_relaxed)) {
      return &slots_[static_cast<size_t>(std::countr_zero(free))];
    }
  }
  return nullptr;
}

void FrameRing::release(Slot* slot) noexcept {
  // SYNC POINT ring.slot: pairs with the acquires in acquire() and acquire_this().
  free_.fetch_or(bit(*slot), std::memory_order_release);
}

bool FrameRing::acquire_this(const Slot& slot) noexcept {
  // SYNC POINT ring.slot: pairs with the release in release().
  return (free_.fetch_and(~bit(slot), std::memory_order_acquire) & bit(slot)) != 0;
}

void FrameRing::request_growth(size_t bytes) noexcept {
  size_t wanted = slot_bytes_wanted_.load(std::memory_order_relaxed);
  while (wanted < bytes && !slot_bytes_wanted_.compare_exchange_weak(wanted, bytes, std::memory_order_relaxed)) {
  }
}

bool FrameRing::grow_free_slots() noexcept {
  const size_t wanted = slot_bytes_wanted_.load(std::memory_order_relaxed);
  size_t denied = std::numeric_limits<size_t>::max();
  bool all_grown = true;
  for (Slot& slot : slots_) {
    if (slot.capacity_bytes() >= wanted) continue;
    bool grown = false;
    if (acquire_this(slot)) {
      grown = slot.reserve(wanted);
      if (!grown) denied = wanted;
      release(&slot);
    }
    all_grown = all_grown && grown;
  }
  bytes_denied_.store(denied, std::memory_order_relaxed);
  return all_grown;
}

int FrameRing::free_slots() const noexcept {
  // SYNC POINT ring.slot: the acquire pairs with the release in release(); what became of the frame was counted before.
  return std::popcount(free_.load(std::memory_order_acquire));
}

Slot* NewestFrame::publish(Slot* slot) noexcept {
  // SYNC POINT feed.newest: the release pairs with the acquire in take(); the acquire, with the publish it replaces.
  return slot_.exchange(slot, std::memory_order_acq_rel);
}

Slot* NewestFrame::take() noexcept {
  // SYNC POINT feed.newest: pairs with the release in publish().
  return slot_.exchange(nullptr, std::memory_order_acquire);
}

}  // namespace stillcast
