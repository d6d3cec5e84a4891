#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "stillcast/jpeg/jpeg_encoder.h"

namespace stillcast::jpeg {

// libjpeg-turbo by its raw-data interface: no colour conversion, no copy of the planes.
class TurboEncoder final : public JpegEncoder {
 public:
  TurboEncoder();
  ~TurboEncoder() override;

  [[nodiscard]] Status encode(const Picture& picture, int quality, std::span<const uint8_t>& jpeg) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillcast::jpeg
