#pragma once

// clang-format off: libjpeg's headers want the first two before them
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on
