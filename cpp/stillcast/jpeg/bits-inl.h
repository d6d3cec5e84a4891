// The second phase; see Note [Two phases]. Included by each instruction set inside its own namespace and target: what
// it needs of them are shifts by any register, and for stuffing load_bytes, store_bytes and full_bytes.

struct Two {
  uint64_t bits;
  uint64_t length;
};

INLINE Two joined(uint32_t first, uint32_t second) {
  const uint64_t second_length = second & kLengthMask;
  return {static_cast<uint64_t>(first >> kLengthBits) << second_length | second >> kLengthBits,
          (first & kLengthMask) + second_length};
}

struct BitWriter {
  uint64_t bits;  // the lowest `count`
  uint64_t count;
  uint8_t* to;

  // `length` is 56 at most. Eight bytes are written, and those kept that are full.
  INLINE void write(Two next) {
    bits = bits << next.length | next.bits;
    count += next.length;
    const uint64_t bytes = __builtin_bswap64(bits << (-count & 63));
    std::memcpy(to, &bytes, sizeof(bytes));
    to += count / 8;
    count %= 8;
  }
};

uint8_t* write_bits(const CodeTable& table, uint16_t* codes, uint16_t* end, BitRest& rest, uint8_t* to) noexcept {
  for (int i = 0; i < 3; ++i) end[i] = kNothing;
  BitWriter writer{rest.bits, static_cast<uint64_t>(rest.count), to};
  for (const uint16_t* code = codes; code < end; code += 4) {
    const Two a = joined(table[code[0]], table[code[1]]);
    const Two b = joined(table[code[2]], table[code[3]]);
    if (a.length + b.length <= 56) [[likely]] {
      writer.write({a.bits << b.length | b.bits, a.length + b.length});
    } else {
      writer.write(a);
      writer.write(b);
    }
  }
  rest = {writer.bits, static_cast<int>(writer.count)};
  return writer.to;
}

uint8_t* stuff(const uint8_t* from, const uint8_t* end, uint8_t* to) noexcept {
  while (from < end) {
    const V bytes = load_bytes(from);
    store_bytes(bytes, to);
    const size_t count = std::min<size_t>(static_cast<size_t>(end - from), sizeof(V));
    const auto full = static_cast<size_t>(std::countr_zero(full_bytes(bytes)));
    if (full >= count) {
      from += count;
      to += count;
    } else {
      from += full + 1;
      to += full + 1;
      *to++ = 0;
    }
  }
  return to;
}
