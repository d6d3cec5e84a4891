#include "stillcast/colour.h"

#include <cmath>

namespace stillcast {

namespace {

using Matrix = std::array<std::array<double, 3>, 3>;
using Vector = std::array<double, 3>;

// Kr and Kb: the shares of red and blue in luma.
struct LumaShares {
  double red;
  double blue;
};

constexpr LumaShares kJfifShares{0.299, 0.114};

constexpr LumaShares luma_shares(ColourMatrix matrix) noexcept {
  switch (matrix) {
    case ColourMatrix::kBt709:
      return {0.2126, 0.0722};
    case ColourMatrix::kBt2020:
      return {0.2627, 0.0593};
    case ColourMatrix::kBt601:
      break;
  }
  return kJfifShares;
}

// R'G'B' of Y', Pb, Pr, all on a scale of 1.
Matrix rgb_from_ypbpr(LumaShares k) noexcept {
  const double green = 1 - k.red - k.blue;
  return {{{1, 0, 2 * (1 - k.red)},
           {1, -2 * k.blue * (1 - k.blue) / green, -2 * k.red * (1 - k.red) / green},
           {1, 2 * (1 - k.blue), 0}}};
}

Matrix ypbpr_from_rgb(LumaShares k) noexcept {
  const double green = 1 - k.red - k.blue;
  const double pb = 0.5 / (1 - k.blue);
  const double pr = 0.5 / (1 - k.red);
  return {{{k.red, green, k.blue}, {-k.red * pb, -green * pb, 0.5}, {0.5, -green * pr, -k.blue * pr}}};
}

Matrix product(const Matrix& a, const Matrix& b) noexcept {
  Matrix out{};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      for (size_t k = 0; k < 3; ++k) out[i][j] += a[i][k] * b[k][j];
    }
  }
  return out;
}

// What a code value means: zero point and codes per unit of each component.
struct Coding {
  Vector zero;
  Vector codes;
};

Coding source_coding(bool rgb, bool full_range) noexcept {
  if (rgb) return full_range ? Coding{{0, 0, 0}, {255, 255, 255}} : Coding{{16, 16, 16}, {219, 219, 219}};
  return full_range ? Coding{{0, 128, 128}, {255, 255, 255}} : Coding{{16, 128, 128}, {219, 224, 224}};
}

// The map of code values to JFIF's: out = matrix * in + offset.
struct Affine {
  Matrix matrix;
  Vector offset;
};

Affine to_jfif(const Matrix& matrix, const Coding& from) noexcept {
  Affine map{matrix, {0, 128, 128}};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      map.matrix[i][j] *= 255 / from.codes[j];
      map.offset[i] -= map.matrix[i][j] * from.zero[j];
    }
  }
  return map;
}

int32_t fixed(double value, int fraction_bits) noexcept {
  return static_cast<int32_t>(std::lround(std::ldexp(value, fraction_bits)));
}

}  // namespace

RgbTransform rgb_to_jfif(const FrameView& frame) noexcept {
  const Affine map = to_jfif(ypbpr_from_rgb(kJfifShares), source_coding(true, frame.full_range));
  RgbTransform transform;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      transform.matrix[i][j] = static_cast<int16_t>(fixed(map.matrix[i][j], RgbTransform::kMatrixBits));
    }
    transform.offset[i] = fixed(map.offset[i], RgbTransform::kFractionBits);
  }
  return transform;
}

YccTransform ycc_to_jfif(const FrameView& frame) noexcept {
  const Matrix matrix = product(ypbpr_from_rgb(kJfifShares), rgb_from_ypbpr(luma_shares(frame.matrix)));
  const auto [m, offset] = to_jfif(matrix, source_coding(false, frame.full_range));
  const auto q14 = [](double value) { return static_cast<int16_t>(fixed(value, 14)); };
  YccTransform t;
  t.luma_gain = static_cast<uint16_t>(fixed(m[0][0], 15));
  t.luma_of_cb = q14(m[0][1]);
  t.luma_of_cr = q14(m[0][2]);
  // What luma adds to chroma is nothing: grey has none in any matrix.
  t.cb_of_cb = q14(m[1][1]);
  t.cb_of_cr = q14(m[1][2]);
  t.cr_of_cb = q14(m[2][1]);
  t.cr_of_cr = q14(m[2][2]);
  // Right amid the range, so that the rounding of the gain does least harm.
  const double wanted = m[0][0] * 128 + m[0][1] * 128 + m[0][2] * 128 + offset[0];
  const double gained = std::ldexp(t.luma_gain, -15) * 128;
  t.luma_offset = static_cast<int16_t>(fixed(wanted - gained - YccTransform::kBias, kScaledBits) + YccTransform::kHalf);
  return t;
}

}  // namespace stillcast
