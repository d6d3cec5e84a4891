#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stillcast/jpeg/libjpeg.h"

namespace stillcast::jpeg {

// Note [Working memory of libjpeg]
// libjpeg asks for some dozens of kilobytes at the start of each picture and frees them at its end. This takes the
// place of the part of its memory manager that does so: one block that is reset instead of freed. What does not fit is
// allocated aside, and the block is large enough from the next picture on.
class TurboMemory {
 public:
  // Hooks into `jpeg`, which was created, and whose client_data is this from now on. Outlives it.
  void serve(j_common_ptr jpeg) noexcept;

 private:
  static void* take(j_common_ptr jpeg, int pool, size_t bytes);
  static void* take_large(j_common_ptr jpeg, int pool, size_t bytes);
  static void free_pool(j_common_ptr jpeg, int pool);

  struct Block {
    std::unique_ptr<std::byte[]> bytes;
    size_t size = 0;
    // Aligned for libjpeg-turbo's SIMD.
    [[nodiscard]] std::byte* aligned() const noexcept;
    bool allocate(size_t room) noexcept;
  };

  [[nodiscard]] void* take(size_t bytes) noexcept;
  void reset() noexcept;

  jpeg_memory_mgr original_{};
  Block block_;
  std::vector<Block> aside_;
  size_t used_ = 0;  // of the block and aside
};

}  // namespace stillcast::jpeg
