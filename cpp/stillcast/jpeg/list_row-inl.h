// The way along a row of MCUs, two at a time. Included by each set of kernels inside its own namespace and target,
// after
//
//   PairBlock, a Block and what else that set keeps of one;
//   PairOfMcus, twelve of them: luma of the first MCU, of the second, Cb of both, Cr of both;
//   void transform_pair(const McuRow& row, int mcu, const Quantisers& quantisers, PairOfMcus& blocks);
//   uint16_t* list_block(Kind kind, const PairBlock& block, int& last_dc, uint16_t* codes);

// Of luma: as dark as the one before, and nothing else.
inline uint16_t* list_missing_block(uint16_t* codes) noexcept {
  *codes++ = static_cast<uint16_t>(first_code(Kind::kLuma) + kDcCodes);
  *codes++ = static_cast<uint16_t>(first_code(Kind::kLuma) + kEndOfBlock);
  return codes;
}

inline uint16_t* list_luma(const McuRow& row, int mcu, const PairBlock* blocks, int& last_dc,
                           uint16_t* codes) noexcept {
  for (int i = 0; i < 4; ++i) {
    const bool missing = 2 * mcu + i % 2 >= row.luma_blocks || (i >= 2 && !row.has_lower_blocks);
    codes = missing ? list_missing_block(codes) : list_block(Kind::kLuma, blocks[i], last_dc, codes);
  }
  return codes;
}

uint16_t* list_row(const McuRow& row, const Quantisers& quantisers, std::array<int, 3>& last_dc,
                   uint16_t* codes) noexcept {
  PairOfMcus blocks;
  for (int mcu = 0; mcu < row.mcus; mcu += 2) {
    transform_pair(row, mcu, quantisers, blocks);
    for (int i = 0; i < std::min(2, row.mcus - mcu); ++i) {
      codes = list_luma(row, mcu + i, &blocks[static_cast<size_t>(4 * i)], last_dc[0], codes);
      codes = list_block(Kind::kChroma, blocks[static_cast<size_t>(8 + i)], last_dc[1], codes);
      codes = list_block(Kind::kChroma, blocks[static_cast<size_t>(10 + i)], last_dc[2], codes);
    }
  }
  return codes;
}
