#include "stillcast/still_pool.h"

#include <utility>

namespace stillcast {

BlockPool::~BlockPool() {
  if (fork_guard_.in_child()) return;
  while (free_ != nullptr) ::operator delete(std::exchange(free_, free_->next));
}

void* BlockPool::take(size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (free_ != nullptr) return std::exchange(free_, free_->next);
  }
  return ::operator new(bytes);
}

void BlockPool::give(void* block) noexcept {
  if (fork_guard_.in_child()) return;
  Free* freed = ::new (block) Free;
  const std::lock_guard lock(mutex_);
  freed->next = std::exchange(free_, freed);
}

}  // namespace stillcast
