#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "stillcast/picture.h"
#include "stillcast/status.h"

namespace stillcast {

// Makes baseline 4:2:0 JFIF of a picture. One object a thread, kept for its life: tables, working memory and output
// buffer stay, so that a still costs no allocation once warm.
class JpegEncoder {
 public:
  JpegEncoder() = default;
  virtual ~JpegEncoder() = default;
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;

  // `picture` has its edges padded; `quality` is IJG's, 1 to 100. The bytes in `jpeg` are valid until the next call.
  // Throws std::bad_alloc.
  [[nodiscard]] virtual Status encode(const Picture& picture, int quality, std::span<const uint8_t>& jpeg) = 0;
};

// Both write the same bytes. Auto is our own where it is the faster one: where the machine has AVX2.
enum class EncoderChoice : uint8_t { kAuto, kTurbo, kNative };

[[nodiscard]] std::unique_ptr<JpegEncoder> make_encoder(EncoderChoice choice);

// "auto", "turbo" or "native".
[[nodiscard]] std::optional<EncoderChoice> encoder_by_name(std::string_view name) noexcept;

// What `choice` comes to on this machine: "turbo", or "native" and its instruction set in brackets.
[[nodiscard]] std::string encoder_name(EncoderChoice choice);

}  // namespace stillcast
