#include "allocations.h"

#include <cstddef>
#include <cstdlib>

namespace {

thread_local int64_t allocations_so_far = 0;

}  // namespace

#ifdef __GLIBC__
// Defined in the program, these stand before the C library's own for every library of the process. The names with
// underscores are glibc's, made for this.
extern "C" {

void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);

void* malloc(size_t size) {
  ++allocations_so_far;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  ++allocations_so_far;
  return __libc_calloc(count, size);
}

void* realloc(void* memory, size_t size) {
  ++allocations_so_far;
  return __libc_realloc(memory, size);
}

}  // extern "C"
#endif

namespace stillcast::benchmarks {

int64_t allocations() noexcept { return allocations_so_far; }

}  // namespace stillcast::benchmarks
