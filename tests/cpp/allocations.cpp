#include "allocations.h"

#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

thread_local int allocations_so_far = 0;
thread_local std::size_t none_from_bytes = kAll;

void* counted(std::size_t size) noexcept {
  ++allocations_so_far;
  return size < none_from_bytes ? std::malloc(size) : nullptr;
}

void* counted(std::size_t size, std::align_val_t align) noexcept {
  ++allocations_so_far;
  if (size >= none_from_bytes) return nullptr;
  const auto alignment = static_cast<std::size_t>(align);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Every allocation of the program goes through here. Array forms too: those of the sanitizers do not end in these.
void* operator new(std::size_t size) { return or_throw(counted(size)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new(std::size_t size, std::align_val_t align) { return or_throw(counted(size, align)); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return counted(size, align);
}
void* operator new[](std::size_t size) { return or_throw(counted(size)); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace stillcast::testing {

int allocations() noexcept { return allocations_so_far; }

NoMemory::NoMemory(std::size_t from_bytes) noexcept { none_from_bytes = from_bytes; }

NoMemory::~NoMemory() { none_from_bytes = kAll; }

}  // namespace stillcast::testing
