#pragma once

#include <array>
#include <cstdint>

// The accurate integer DCT that libjpeg calls ISLOW: after Loeffler, Ligtenberg and Moschytz (ICASSP 1989), constants
// in 13 bits, the rows first with two more bits than needed, then the columns. Its sums are exact before each rounding,
// so they may be taken in any order; here, as products with small matrices.
namespace stillcast::jpeg {

constexpr int kDctFractionBits = 13;
constexpr int kRowBits = 2;  // that are kept between rows and columns
// What is dropped at the end of each: rounded half up.
constexpr int kDropAfterRows = kDctFractionBits - kRowBits;
constexpr int kDropAfterColumns = kDctFractionBits + kRowBits;
constexpr int kMiddleLevel = 128;  // taken from each sample

// round(x * 2^13); the products below are made of these rounded ones, as libjpeg's are.
namespace fix {
constexpr int k0_298631336 = 2446;
constexpr int k0_390180644 = 3196;
constexpr int k0_541196100 = 4433;
constexpr int k0_765366865 = 6270;
constexpr int k0_899976223 = 7373;
constexpr int k1_175875602 = 9633;
constexpr int k1_501321110 = 12299;
constexpr int k1_847759065 = 15137;
constexpr int k1_961570560 = 16069;
constexpr int k2_053119869 = 16819;
constexpr int k2_562915447 = 20995;
constexpr int k3_072711026 = 25172;
}  // namespace fix

// Rows: coefficients 1, 3, 5, 7. Columns: the differences of samples 0 and 7, 1 and 6, 2 and 5, 3 and 4.
inline constexpr std::array<std::array<int, 4>, 4> kOddMatrix = {{
    {fix::k1_175875602 + fix::k1_501321110 - fix::k0_899976223 - fix::k0_390180644,  //
     fix::k1_175875602,                                                              //
     fix::k1_175875602 - fix::k0_390180644,                                          //
     fix::k1_175875602 - fix::k0_899976223},
    {fix::k1_175875602,                                                              //
     fix::k1_175875602 + fix::k3_072711026 - fix::k2_562915447 - fix::k1_961570560,  //
     fix::k1_175875602 - fix::k2_562915447,                                          //
     fix::k1_175875602 - fix::k1_961570560},
    {fix::k1_175875602 - fix::k0_390180644,                                          //
     fix::k1_175875602 - fix::k2_562915447,                                          //
     fix::k1_175875602 + fix::k2_053119869 - fix::k2_562915447 - fix::k0_390180644,  //
     fix::k1_175875602},
    {fix::k1_175875602 - fix::k0_899976223,  //
     fix::k1_175875602 - fix::k1_961570560,  //
     fix::k1_175875602,                      //
     fix::k1_175875602 + fix::k0_298631336 - fix::k0_899976223 - fix::k1_961570560},
}};

// Rows: coefficients 2 and 6. Columns: of the sums of mirrored samples, the outer minus the inner ones: those of
// samples 0, 7 and 3, 4; those of 1, 6 and 2, 5.
inline constexpr std::array<std::array<int, 2>, 2> kEvenMatrix = {{
    {fix::k0_541196100 + fix::k0_765366865, fix::k0_541196100},
    {fix::k0_541196100, fix::k0_541196100 - fix::k1_847759065},
}};

}  // namespace stillcast::jpeg
