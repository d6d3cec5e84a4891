// Takes the place of malloc in the whole test program, shared libraries included, to count its calls.
#include <cstddef>
#include <cstdlib>

#include "allocations.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

thread_local int mallocs_so_far = 0;

}  // namespace

extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);

void* malloc(std::size_t size) {
  ++mallocs_so_far;
  return __libc_malloc(size);
}

void* calloc(std::size_t count, std::size_t size) {
  ++mallocs_so_far;
  return __libc_calloc(count, size);
}

void* realloc(void* memory, std::size_t size) {
  ++mallocs_so_far;
  return __libc_realloc(memory, size);
}
}

namespace stillcast::testing {

int mallocs() noexcept { return mallocs_so_far; }
bool counts_mallocs() noexcept { return true; }

}  // namespace stillcast::testing

#else

namespace stillcast::testing {

int mallocs() noexcept { return 0; }
bool counts_mallocs() noexcept { return false; }

}  // namespace stillcast::testing

#endif
