#include "stillcast/jpeg/code_table.h"

#include <bit>
#include <cstdlib>

namespace stillcast::jpeg {

namespace {

struct Bits {
  uint32_t bits = 0;
  int length = 0;

  [[nodiscard]] uint32_t entry() const noexcept { return bits << kLengthBits | static_cast<uint32_t>(length); }
  [[nodiscard]] Bits then(Bits other) const noexcept {
    return {bits << other.length | other.bits, length + other.length};
  }
};

using HuffmanCodes = std::array<Bits, 256>;  // by symbol

// T.81, C.2: codes of a length follow each other, the first of the next length is twice the one after the last.
HuffmanCodes codes_of(const HuffmanSpec& spec) noexcept {
  HuffmanCodes codes;
  uint32_t code = 0;
  size_t next = 0;
  for (size_t length = 1; length <= spec.lengths.size(); ++length, code <<= 1) {
    for (int i = 0; i < spec.lengths[length - 1]; ++i) {
      codes[spec.symbols[next++]] = {code++, static_cast<int>(length)};
    }
  }
  return codes;
}

Bits magnitude(int level) noexcept { return {extra_bits(level), size_of(level)}; }

class Builder {
 public:
  explicit Builder(CodeTable& table) : table_(table) {}

  void add_kind(Kind kind) noexcept {
    const HuffmanCodes dc = codes_of(dc_codes(kind));
    const HuffmanCodes ac = codes_of(ac_codes(kind));
    const int first = first_code(kind);
    for (int difference = -2047; difference <= 2047; ++difference) {
      const Bits code = dc[static_cast<size_t>(size_of(difference))];
      set(first + kDcCodes + difference, code.then(magnitude(difference)));
    }
    for (int level = -128; level <= 127; ++level) {
      for (int run = 0; run < 16 && level != 0; ++run) {
        const Bits code = ac[static_cast<size_t>(run * 16 + size_of(level))];
        set(first + kAcCodes + level * 16 + run, code.then(magnitude(level)));
      }
    }
    set(first + kEndOfBlock, ac[0x00]);
    set(first + kSixteenZeros, ac[0xF0]);
    for (int symbol = 0; symbol < kSymbolsOfKind; ++symbol) {
      set(kSymbolCodes + static_cast<int>(kind) * kSymbolsOfKind + symbol, ac[static_cast<size_t>(symbol)]);
    }
  }

  void add_bits() noexcept {
    for (int size = 0; size <= 10; ++size) {
      for (uint32_t bits = 0; bits < 1U << size; ++bits) {
        set(kBitsCodes + (1 << size) + static_cast<int>(bits), {bits, size});
      }
    }
  }

 private:
  void set(int code, Bits bits) noexcept { table_[static_cast<size_t>(code)] = bits.entry(); }

  CodeTable& table_;
};

CodeTable build() {
  CodeTable table{};
  Builder builder(table);
  for (const Kind kind : {Kind::kLuma, Kind::kChroma}) builder.add_kind(kind);
  builder.add_bits();
  return table;
}

}  // namespace

int size_of(int level) noexcept { return static_cast<int>(std::bit_width(static_cast<uint32_t>(std::abs(level)))); }

uint32_t extra_bits(int level) noexcept {
  const uint32_t mask = (1U << size_of(level)) - 1;
  return static_cast<uint32_t>(level < 0 ? level - 1 : level) & mask;
}

const CodeTable& standard_codes() noexcept {
  static const CodeTable table = build();  // never destroyed: threads may encode until the process ends
  return table;
}

}  // namespace stillcast::jpeg
