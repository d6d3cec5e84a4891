#include "stillcast/jpeg/turbo_memory.h"

#include <new>
#include <utility>

namespace stillcast::jpeg {

namespace {

constexpr size_t kAlignment = 64;

}  // namespace

void TurboMemory::serve(j_common_ptr jpeg) noexcept {
  original_ = *jpeg->mem;
  jpeg->client_data = this;
  jpeg->mem->alloc_small = take;
  jpeg->mem->alloc_large = take_large;
  jpeg->mem->free_pool = free_pool;
}

void* TurboMemory::take(j_common_ptr jpeg, int pool, size_t bytes) {
  auto& self = *static_cast<TurboMemory*>(jpeg->client_data);
  if (pool != JPOOL_IMAGE) return self.original_.alloc_small(jpeg, pool, bytes);
  void* memory = self.take(bytes);
  if (memory == nullptr) ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);  // jumps away
  return memory;
}

void* TurboMemory::take_large(j_common_ptr jpeg, int pool, size_t bytes) {
  auto& self = *static_cast<TurboMemory*>(jpeg->client_data);
  return pool == JPOOL_IMAGE ? take(jpeg, pool, bytes) : self.original_.alloc_large(jpeg, pool, bytes);
}

void TurboMemory::free_pool(j_common_ptr jpeg, int pool) {
  auto& self = *static_cast<TurboMemory*>(jpeg->client_data);
  if (pool == JPOOL_IMAGE) self.reset();
  self.original_.free_pool(jpeg, pool);
}

bool TurboMemory::Block::allocate(size_t room) noexcept {
  bytes.reset(new (std::nothrow) std::byte[room + kAlignment]);
  size = bytes ? room : 0;
  return size != 0;
}

std::byte* TurboMemory::Block::aligned() const noexcept {
  const auto address = reinterpret_cast<uintptr_t>(bytes.get());
  return bytes.get() + (kAlignment - address % kAlignment) % kAlignment;
}

void* TurboMemory::take(size_t bytes) noexcept {
  const size_t room = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  const size_t begin = std::exchange(used_, used_ + room);
  if (used_ <= block_.size) return block_.aligned() + begin;
  Block block;
  if (!block.allocate(room)) return nullptr;
  try {
    aside_.push_back(std::move(block));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return aside_.back().aligned();
}

void TurboMemory::reset() noexcept {
  if (!aside_.empty()) {
    aside_.clear();
    block_.allocate(used_);
  }
  used_ = 0;
}

}  // namespace stillcast::jpeg
