#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace stillcast {

constexpr size_t kCacheLineBytes = 64;

// Vectors of 512 bits that begin anywhere else cost two accesses each.
template <typename T>
struct CacheLineAllocator {
  using value_type = T;

  CacheLineAllocator() noexcept = default;
  template <typename U>
  explicit(false) CacheLineAllocator(const CacheLineAllocator<U>& /*other*/) noexcept {}

  [[nodiscard]] T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{kCacheLineBytes}));
  }
  void deallocate(T* memory, size_t /*count*/) noexcept {
    ::operator delete(memory, std::align_val_t{kCacheLineBytes});
  }

  friend bool operator==(const CacheLineAllocator&, const CacheLineAllocator&) noexcept { return true; }
};

// Begins at a cache line.
template <typename T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

}  // namespace stillcast
