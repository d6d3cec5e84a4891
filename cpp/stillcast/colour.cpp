#include "stillcast/colour.h"

#include <algorithm>
#include <cmath>

namespace stillcast {

namespace {

// 14 bits of coefficient and kScaledBits of sample: the largest sum of three products stays inside 32 bits.
constexpr double kOne = 1 << 14;
constexpr int kFractionBits = 14 + kScaledBits;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);

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

ColourTransform fixed_point(const Matrix& matrix, const Coding& from) noexcept {
  constexpr Vector kJfifZero{0, 128, 128};
  ColourTransform transform;
  for (size_t i = 0; i < 3; ++i) {
    double offset = kJfifZero[i];
    for (size_t j = 0; j < 3; ++j) {
      const double coefficient = matrix[i][j] * 255 / from.codes[j];
      offset -= coefficient * from.zero[j];
      transform.matrix[i][j] = static_cast<int32_t>(std::lround(coefficient * kOne));
    }
    transform.offset[i] = static_cast<int32_t>(std::lround(std::ldexp(offset, kFractionBits))) + kHalf;
  }
  return transform;
}

uint8_t clamped(int32_t fixed) noexcept { return static_cast<uint8_t>(std::clamp(fixed >> kFractionBits, 0, 255)); }

int32_t apply(const ColourTransform& t, size_t out, int32_t a, int32_t b, int32_t c) noexcept {
  return t.matrix[out][0] * a + t.matrix[out][1] * b + t.matrix[out][2] * c + t.offset[out];
}

// Luma of the two pixels of a row that share a chroma sample.
void convert_luma_pair(int32_t coefficient, int32_t chroma_part, const uint16_t* from, uint8_t* to) noexcept {
  to[0] = clamped(coefficient * from[0] + chroma_part);
  to[1] = clamped(coefficient * from[1] + chroma_part);
}

int32_t mean_of_four(const ScaledPlane& plane, int x, int y) noexcept {
  const uint16_t* above = plane.row(2 * y) + 2 * x;
  const uint16_t* below = plane.row(2 * y + 1) + 2 * x;
  return (above[0] + above[1] + below[0] + below[1] + 2) >> 2;
}

}  // namespace

ColourTransform to_jfif(const FrameView& frame) noexcept {
  const bool rgb = format_info(frame.format).rgb;
  const Matrix from_rgb = ypbpr_from_rgb(kJfifShares);
  const Matrix matrix = rgb ? from_rgb : product(from_rgb, rgb_from_ypbpr(luma_shares(frame.matrix)));
  return fixed_point(matrix, source_coding(rgb, frame.full_range));
}

// Note [Luma is corrected with its block's chroma]
// Between two matrices luma depends a little on chroma (by less than a fifth). The four pixels of a block share one
// chroma sample here instead of an interpolated one: they are about to be shown with that sample anyway.
void convert_ycc(const ColourTransform& t, const std::array<ScaledPlane, 3>& from, Picture& to) noexcept {
  for (int y = 0; y < to.height() / 2; ++y) {
    const uint16_t* cb = from[1].row(y);
    const uint16_t* cr = from[2].row(y);
    for (int x = 0; x < to.width() / 2; ++x) {
      const int32_t chroma_part = t.matrix[0][1] * cb[x] + t.matrix[0][2] * cr[x] + t.offset[0];
      for (const int row : {2 * y, 2 * y + 1}) {
        convert_luma_pair(t.matrix[0][0], chroma_part, from[0].row(row) + 2 * x, to.planes[0].row(row) + 2 * x);
      }
      // Grey has no chroma in any matrix, so the first column of these two rows of the matrix is zero.
      to.planes[1].row(y)[x] = clamped(t.matrix[1][1] * cb[x] + t.matrix[1][2] * cr[x] + t.offset[1]);
      to.planes[2].row(y)[x] = clamped(t.matrix[2][1] * cb[x] + t.matrix[2][2] * cr[x] + t.offset[2]);
    }
  }
}

void convert_rgb(const ColourTransform& t, const std::array<ScaledPlane, 3>& from, Picture& to) noexcept {
  for (int y = 0; y < to.height(); ++y) {
    uint8_t* out = to.planes[0].row(y);
    for (int x = 0; x < to.width(); ++x) {
      out[x] = clamped(apply(t, 0, from[0].row(y)[x], from[1].row(y)[x], from[2].row(y)[x]));
    }
  }
  for (int y = 0; y < to.height() / 2; ++y) {
    for (int x = 0; x < to.width() / 2; ++x) {
      const int32_t r = mean_of_four(from[0], x, y);
      const int32_t g = mean_of_four(from[1], x, y);
      const int32_t b = mean_of_four(from[2], x, y);
      to.planes[1].row(y)[x] = clamped(apply(t, 1, r, g, b));
      to.planes[2].row(y)[x] = clamped(apply(t, 2, r, g, b));
    }
  }
}

}  // namespace stillcast
