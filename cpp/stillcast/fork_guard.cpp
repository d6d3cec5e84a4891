#include "stillcast/fork_guard.h"

#include <pthread.h>

#include <system_error>

namespace stillcast {

ForkGuard::ForkGuard() : born_after_(forks.load(std::memory_order_relaxed)) {
  // Once a process, children included. vfork and posix_spawn do not run it, nor should they: their child is gone in an
  // instant.
  static const int error = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
  if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_atfork");
}

}  // namespace stillcast
