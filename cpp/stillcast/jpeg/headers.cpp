#include "stillcast/jpeg/headers.h"

#include <algorithm>
#include <initializer_list>

namespace stillcast::jpeg {

namespace {

// T.81, table B.1.
enum Marker : uint8_t { kSoi = 0xD8, kApp0 = 0xE0, kDqt = 0xDB, kSof0 = 0xC0, kDht = 0xC4, kSos = 0xDA };

class Writer {
 public:
  explicit Writer(Headers& to) : at_(to.begin()) {}

  void marker(Marker marker) noexcept { bytes({0xFF, marker}); }

  // A marker and how many bytes follow it in its segment.
  void segment(Marker name, size_t length) noexcept {
    marker(name);
    word(static_cast<int>(length + 2));
  }
  void word(int value) noexcept { bytes({static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}); }
  void byte(int value) noexcept { bytes({static_cast<uint8_t>(value)}); }
  void bytes(std::initializer_list<uint8_t> values) noexcept { bytes(std::span(values.begin(), values.size())); }
  void bytes(std::span<const uint8_t> values) noexcept { at_ = std::copy(values.begin(), values.end(), at_); }

 private:
  Headers::iterator at_;
};

void write_jfif(Writer& to) noexcept {
  to.segment(kApp0, 14);
  to.bytes({'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0});  // version 1.01, square samples, no thumbnail
}

void write_quantiser(Writer& to, int id, const Quantiser& quantiser) noexcept {
  to.segment(kDqt, 1 + kBlockSamples);
  to.byte(id);
  for (const uint8_t place : kZigzag) to.byte(quantiser.steps[place]);
}

void write_frame(Writer& to, Size size) noexcept {
  to.segment(kSof0, 15);
  to.byte(8);  // bits a sample
  to.word(size.height);
  to.word(size.width);
  to.byte(3);
  to.bytes({1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1});  // of each component: name, sampling factors, quantiser
}

void write_codes(Writer& to, int id, const HuffmanSpec& spec) noexcept {
  const auto count = static_cast<size_t>(spec.count);
  to.segment(kDht, 1 + spec.lengths.size() + count);
  to.byte(id);
  to.bytes(spec.lengths);
  to.bytes(std::span(spec.symbols).first(count));
}

void write_scan(Writer& to) noexcept {
  to.segment(kSos, 10);
  to.byte(3);
  to.bytes({1, 0x00, 2, 0x11, 3, 0x11});  // of each component: name, its two tables of codes
  to.bytes({0, kBlockSamples - 1, 0});    // all coefficients in one go
}

}  // namespace

Headers make_headers(Size size, const Quantisers& quantisers) noexcept {
  Headers headers;
  Writer to(headers);
  to.marker(kSoi);
  write_jfif(to);
  for (int id = 0; id < kKinds; ++id) write_quantiser(to, id, quantisers[static_cast<size_t>(id)]);
  write_frame(to, size);
  constexpr int kAcTable = 0x10;
  for (int id = 0; id < kKinds; ++id) {
    write_codes(to, id, dc_codes(static_cast<Kind>(id)));
    write_codes(to, kAcTable | id, ac_codes(static_cast<Kind>(id)));
  }
  write_scan(to);
  return headers;
}

}  // namespace stillcast::jpeg
