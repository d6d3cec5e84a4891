#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/jpeg_encoder.h"

namespace stillcast::jpeg {

// Our own encoder for exactly this case, byte for byte like libjpeg-turbo with the accurate DCT and the standard
// Huffman tables. docs/jpeg.md explains it.
//
// Note [No byte outside]
// A row of MCUs is listed into `codes_`, written into `bits_` and from there copied into `output_`. How much that can
// be at most follows from T.81 (kBlockCodesMax, kBlockBytesMax; a zero after each byte doubles it), so room is made
// before each step and no loop has to look. Rows of the picture are read in place: planes are padded to whole vectors.
class NativeEncoder final : public JpegEncoder {
 public:
  // `coder` outlives it.
  explicit NativeEncoder(const Coder& coder);

  [[nodiscard]] Status encode(const Picture& picture, int quality, std::span<const uint8_t>& jpeg) override;

 private:
  // Memory of which only the beginning is in use; it grows and never shrinks.
  template <typename T>
  class Room {
   public:
    // Keeps the first `used`, and makes room for `wanted` in all.
    void reserve(size_t wanted, size_t used = 0);
    [[nodiscard]] T* data() noexcept { return memory_.get(); }

   private:
    std::unique_ptr<T[]> memory_;
    size_t size_ = 0;
  };

  void set_quality(int quality) noexcept;
  void start(const Picture& picture);
  void encode_row(const McuRow& row, bool last);
  void append(std::span<const uint8_t> bytes);

  const Coder& coder_;
  const CodeTable& table_;
  int quality_ = -1;  // none yet
  Quantisers quantisers_;
  Room<uint16_t> codes_;
  Room<uint8_t> bits_;
  Room<uint8_t> output_;
  size_t written_ = 0;
  // Of the picture that is being encoded.
  std::array<int, 3> last_dc_{};
  BitRest rest_;
};

}  // namespace stillcast::jpeg
