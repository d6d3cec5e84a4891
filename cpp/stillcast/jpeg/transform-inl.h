// Transform and quantisation of as many blocks as a vector has 16 bytes. Included by each instruction set inside its
// own namespace and target, after the vector type V and the operations on it that are used here.

// The same two words, or bytes, in every pair of them.
INLINE V pairs(int even, int odd) {
  return all32(static_cast<int>(static_cast<unsigned>(odd) << 16) | (even & 0xFFFF));
}
INLINE V pairs8(int even, int odd) { return all16(static_cast<int>(static_cast<unsigned>(odd) << 8) | (even & 0xFF)); }

// Sums of products, 32 bits wide: those of the first four lanes of each block of 16 bytes, and of the other four.
struct Products {
  V low;
  V high;
};

// Both samples of a pair that lies mirrored in the row, times 32, added and subtracted. With 5 bits more than the DCT
// has, what it drops after the rows is 16 bits, half of a product's lane.
constexpr int kRowScaleBits = 16 - kDropAfterRows;
constexpr int kRowScale = 1 << kRowScaleBits;
// After the columns it drops one bit less than that; so the constants are doubled.
constexpr int kColumnScale = 1 << (16 - kDropAfterColumns);

// Adds both products of each pair of lanes of `a` and `b`, taken in turns.
INLINE Products multiplied(V start, V a, V b, int of_a, int of_b) {
  const V factors = pairs(of_a, of_b);
  return {multiply_add(start, zip_low16(a, b), factors), multiply_add(start, zip_high16(a, b), factors)};
}

INLINE Products multiplied(Products start, V a, V b, int of_a, int of_b) {
  const V factors = pairs(of_a, of_b);
  return {multiply_add(start.low, zip_low16(a, b), factors), multiply_add(start.high, zip_high16(a, b), factors)};
}

// Coefficients 1 to 3 and 5 to 7 of as many lines as there are lanes; 0 and 4 are sums, and left to the caller.
// `outer_step` and `inner_step` are the sums of mirrored samples 0 and 1 less those of 3 and 2.
template <int kScale>
INLINE void transform_lines(V outer_step, V inner_step, const V* difference, Products* to) {
  const V half = all32(1 << 15);
  for (size_t i = 0; i < 2; ++i) {
    to[2 + 4 * i] = multiplied(half, inner_step, outer_step, kScale * kEvenMatrix[i][1], kScale * kEvenMatrix[i][0]);
  }
  for (size_t i = 0; i < 4; ++i) {
    const auto& matrix = kOddMatrix[i];
    const Products part = multiplied(half, difference[3], difference[0], kScale * matrix[3], kScale * matrix[0]);
    to[2 * i + 1] = multiplied(part, difference[2], difference[1], kScale * matrix[2], kScale * matrix[1]);
  }
}

// `rows`: rows k and k + 4 of two blocks side by side. To: in each block of 16 bytes, samples `i` and 7 - `i` of all
// eight rows of one block.
INLINE void mirrored_columns(const V* rows, V* to) {
  const V mirrored = all_blocks(0, 7, 1, 6, 2, 5, 3, 4, 8, 15, 9, 14, 10, 13, 11, 12);
  V row[4];
  for (int k = 0; k < 4; ++k) row[k] = shuffle8(rows[k], mirrored);
  const V left01 = zip_low16(row[0], row[1]);
  const V right01 = zip_high16(row[0], row[1]);
  const V left23 = zip_low16(row[2], row[3]);
  const V right23 = zip_high16(row[2], row[3]);
  const V left_outer = zip_low32(left01, left23);
  const V left_inner = zip_high32(left01, left23);
  const V right_outer = zip_low32(right01, right23);
  const V right_inner = zip_high32(right01, right23);
  to[0] = together(zip_low64(left_outer, right_outer));
  to[1] = together(zip_high64(left_outer, right_outer));
  to[2] = together(zip_low64(left_inner, right_inner));
  to[3] = together(zip_high64(left_inner, right_inner));
}

// Columns that lie side by side become rows: to[r] holds row r of each block.
INLINE void transpose(const Products* columns, V* to) {
  const auto upper = [&](int i, int k) {  // of columns i to i + 3; k 0 for rows 0 to 3
    const V first =
        k == 0 ? high_words(columns[i].low, columns[i + 1].low) : high_words(columns[i].high, columns[i + 1].high);
    const V second = k == 0 ? high_words(columns[i + 2].low, columns[i + 3].low)
                            : high_words(columns[i + 2].high, columns[i + 3].high);
    return std::pair{zip_low32(first, second), zip_high32(first, second)};
  };
  for (int k = 0; k < 2; ++k) {
    const auto [left01, left23] = upper(0, k);
    const auto [right01, right23] = upper(4, k);
    to[4 * k] = zip_low64(left01, right01);
    to[4 * k + 1] = zip_high64(left01, right01);
    to[4 * k + 2] = zip_low64(left23, right23);
    to[4 * k + 3] = zip_high64(left23, right23);
  }
}

INLINE void transform_rows(const V* rows, V* to) {
  V mirrored[4];
  mirrored_columns(rows, mirrored);
  V sum[4];
  V difference[4];
  for (int i = 0; i < 4; ++i) {
    sum[i] = add_bytes(mirrored[i], pairs8(kRowScale, kRowScale));
    difference[i] = add_bytes(mirrored[i], pairs8(kRowScale, -kRowScale));
  }
  const V outer = add16(sum[0], sum[3]);
  const V inner = add16(sum[1], sum[2]);
  Products columns[8];
  constexpr int kOne = 1 << kDctFractionBits;
  constexpr int kMiddle = (kBlockSize * kMiddleLevel << kRowBits) << 16;
  columns[0] = multiplied(all32(-kMiddle), outer, inner, kOne, kOne);
  columns[4] = multiplied(all32(0), outer, inner, kOne, -kOne);
  transform_lines<1>(sub16(sum[0], sum[3]), sub16(sum[1], sum[2]), difference, columns);
  transpose(columns, to);
}

// In place.
INLINE void transform_columns(V* row) {
  V sum[4];
  V difference[4];
  for (int i = 0; i < 4; ++i) {
    sum[i] = add16(row[i], row[7 - i]);
    difference[i] = sub16(row[i], row[7 - i]);
  }
  const V outer = add16(sum[0], sum[3]);
  const V inner = add16(sum[1], sum[2]);
  Products rows[8];
  transform_lines<kColumnScale>(sub16(sum[0], sum[3]), sub16(sum[1], sum[2]), difference, rows);
  const V half = all16(1 << (kRowBits - 1));
  row[0] = shift_right16<kRowBits>(add16(add16(outer, inner), half));
  row[4] = shift_right16<kRowBits>(add16(sub16(outer, inner), half));
  for (const int i : {1, 2, 3, 5, 6, 7}) row[i] = high_words_in_order(rows[i].low, rows[i].high);
}

// Levels in place of coefficients. Returns whether those of AC all fit into 8 bits.
INLINE bool quantise(V* row, const Quantiser& quantiser) {
  V magnitudes = all16(0);
  for (size_t i = 0; i < kBlockSize; ++i) {
    const Quantiser::Row& by = quantiser.rows[i];
    V magnitude = add16(absolute16(row[i]), load(by.bias.data()));
    magnitude = multiply_high16(multiply_high16(magnitude, load(by.reciprocal.data())), load(by.scale.data()));
    magnitudes = i == 0 ? without_first(magnitude) : either(magnitudes, magnitude);
    row[i] = with_sign(magnitude, row[i]);
  }
  return none_of(magnitudes, all16(~0x7F));
}

INLINE void store_wide(const V* row, Block* const* blocks) {
  for (size_t i = 0; i < kZigzag.size(); ++i) {
    const int at_row = kZigzag[i] / kBlockSize;
    const int column = kZigzag[i] % kBlockSize;
    alignas(64) int16_t words[sizeof(V) / 2];
    store(row[at_row], words);
    for (int block = 0; block < kBlocks; ++block) {
      const int place = place_of(at_row, column);
      blocks[block]->wide_levels[i] = words[block * kBlockSize + place];
    }
  }
}
