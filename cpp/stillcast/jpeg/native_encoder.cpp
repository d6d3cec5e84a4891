#include "stillcast/jpeg/native_encoder.h"

#include <algorithm>
#include <string>

#include "stillcast/jpeg/headers.h"

namespace stillcast::jpeg {

namespace {

constexpr int kMcuSize = 16;  // of luma, either way
constexpr int kMcuBlocks = 6;
constexpr int kShortestSide = 2;
constexpr int kLongestSide = 65500;  // libjpeg's

constexpr int divided_up(int value, int by) noexcept { return (value + by - 1) / by; }

McuRow mcu_row(const Picture& picture, int index) noexcept {
  const auto& [luma, cb, cr] = picture.planes;
  McuRow row;
  row.luma = luma.row(kMcuSize * index);
  row.cb = cb.row(kBlockSize * index);
  row.cr = cr.row(kBlockSize * index);
  row.luma_stride = luma.stride_bytes();
  row.chroma_stride = cb.stride_bytes();
  row.mcus = divided_up(luma.width(), kMcuSize);
  row.luma_blocks = divided_up(luma.width(), kBlockSize);
  row.has_lower_blocks = kMcuSize * index + kBlockSize < luma.height();
  return row;
}

// The last byte of a picture ends in ones.
uint8_t filled_up(const BitRest& rest) noexcept {
  const int missing = 8 - rest.count;
  return static_cast<uint8_t>(rest.bits << missing | ((1U << missing) - 1));
}

}  // namespace

template <typename T>
void NativeEncoder::Room<T>::reserve(size_t wanted, size_t used) {
  if (wanted <= size_) return;
  const size_t size = std::max(wanted, 2 * size_);
  auto grown = std::make_unique<T[]>(size);
  std::copy_n(memory_.get(), used, grown.get());
  memory_ = std::move(grown);
  size_ = size;
}

NativeEncoder::NativeEncoder(const Coder& coder) : coder_(coder), table_(standard_codes()) {}

Status NativeEncoder::encode(const Picture& picture, int quality, std::span<const uint8_t>& jpeg) {
  const Size size{picture.width(), picture.height()};
  if (std::min(size.width, size.height) < kShortestSide || std::max(size.width, size.height) > kLongestSide) {
    return Status::error("JPEG encoder: a picture of " + std::to_string(size.width) + "x" +
                         std::to_string(size.height) + ": each side has to be 2 to 65500");
  }
  set_quality(quality);
  start(picture);
  append(make_headers(size, quantisers_));
  const int rows = divided_up(size.height, kMcuSize);
  for (int i = 0; i < rows; ++i) encode_row(mcu_row(picture, i), i == rows - 1);
  append(kEndOfImage);
  jpeg = {output_.data(), written_};
  return Status::ok();
}

void NativeEncoder::set_quality(int quality) noexcept {
  if (quality == quality_) return;
  quality_ = quality;
  for (const Kind kind : {Kind::kLuma, Kind::kChroma}) {
    quantisers_[static_cast<size_t>(kind)].build(kind, quality, coder_.column_order);
  }
}

void NativeEncoder::start(const Picture& picture) {
  written_ = 0;
  last_dc_ = {};
  rest_ = {};
  const auto blocks = static_cast<size_t>(kMcuBlocks * divided_up(picture.width(), kMcuSize));
  codes_.reserve(blocks * kBlockCodesMax + kListMargin);
  bits_.reserve(blocks * kBlockBytesMax + kBytesMargin);
}

void NativeEncoder::encode_row(const McuRow& row, bool last) {
  uint16_t* const codes_end = coder_.list_row(row, quantisers_, last_dc_, codes_.data());
  uint8_t* bits_end = coder_.write_bits(table_, codes_.data(), codes_end, rest_, bits_.data());
  if (last && rest_.count > 0) *bits_end++ = filled_up(rest_);
  const auto count = static_cast<size_t>(bits_end - bits_.data());
  output_.reserve(written_ + 2 * count + kBytesMargin, written_);
  uint8_t* end = coder_.stuff(bits_.data(), bits_end, output_.data() + written_);
  written_ = static_cast<size_t>(end - output_.data());
}

void NativeEncoder::append(std::span<const uint8_t> bytes) {
  output_.reserve(written_ + bytes.size(), written_);
  std::copy(bytes.begin(), bytes.end(), output_.data() + written_);
  written_ += bytes.size();
}

}  // namespace stillcast::jpeg
