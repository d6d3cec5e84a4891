#include "stillcast/jpeg/jpeg_encoder.h"

#include "stillcast/jpeg/coder.h"
#include "stillcast/jpeg/native_encoder.h"
#include "stillcast/jpeg/turbo_encoder.h"

namespace stillcast {

namespace {

const jpeg::Coder& best_coder() noexcept {
  const auto coders = jpeg::vector_coders();
  return coders.empty() ? jpeg::reference_coder() : coders.front();
}

bool takes_native(EncoderChoice choice) noexcept {
  return choice == EncoderChoice::kNative || (choice == EncoderChoice::kAuto && !jpeg::vector_coders().empty());
}

}  // namespace

std::unique_ptr<JpegEncoder> make_encoder(EncoderChoice choice) {
  if (takes_native(choice)) return std::make_unique<jpeg::NativeEncoder>(best_coder());
  return std::make_unique<jpeg::TurboEncoder>();
}

std::optional<EncoderChoice> encoder_by_name(std::string_view name) noexcept {
  if (name == "auto") return EncoderChoice::kAuto;
  if (name == "turbo") return EncoderChoice::kTurbo;
  if (name == "native") return EncoderChoice::kNative;
  return std::nullopt;
}

std::string encoder_name(EncoderChoice choice) {
  if (!takes_native(choice)) return "turbo";
  return "native (" + std::string(best_coder().name) + ")";
}

}  // namespace stillcast
