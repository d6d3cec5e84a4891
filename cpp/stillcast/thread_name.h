#pragma once

#include <pthread.h>

namespace stillcast {

// Names the calling thread for whoever looks at the process from outside (top -H, gdb, perf); 15 characters at most.
inline void name_this_thread(const char* name) noexcept {
#if defined(__APPLE__)
  ::pthread_setname_np(name);
#else
  ::pthread_setname_np(::pthread_self(), name);
#endif
}

}  // namespace stillcast
