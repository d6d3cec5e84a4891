#pragma once

#include <cstddef>
#include <limits>

namespace stillcast::testing {

// Of this thread since its begin; every operator new of the program is counted.
[[nodiscard]] int allocations() noexcept;

// The same of malloc, calloc and realloc, whoever calls them: libjpeg too. 0 where they cannot be counted, as under
// sanitizers.
[[nodiscard]] int mallocs() noexcept;
[[nodiscard]] bool counts_mallocs() noexcept;

// While it lives, this thread finds no memory for as many bytes or more.
class NoMemory {
 public:
  explicit NoMemory(std::size_t from_bytes = 0) noexcept;
  ~NoMemory();
  NoMemory(const NoMemory&) = delete;
  NoMemory& operator=(const NoMemory&) = delete;
};

}  // namespace stillcast::testing
