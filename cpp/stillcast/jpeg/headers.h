#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "stillcast/frame.h"
#include "stillcast/jpeg/quantiser.h"

namespace stillcast::jpeg {

// All that stands before the coded picture: the same bytes as libjpeg-turbo's.
constexpr size_t kHeaderBytes = 623;
using Headers = std::array<uint8_t, kHeaderBytes>;

// Of a baseline JFIF picture of three components, chroma halved both ways, with the standard Huffman tables.
[[nodiscard]] Headers make_headers(Size size, const Quantisers& quantisers) noexcept;

constexpr std::array<uint8_t, 2> kEndOfImage = {0xFF, 0xD9};

}  // namespace stillcast::jpeg
