#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "stillcast/frame.h"

namespace stillcast::bindings {

// What the arguments of Frame mean, None included; each raises FrameFormatError with the name, the value and the way
// out.
[[nodiscard]] int to_side(pybind11::handle object, const char* name);
[[nodiscard]] PixelFormat to_format(pybind11::handle object);
[[nodiscard]] ColourMatrix to_matrix(pybind11::handle object, int height);
[[nodiscard]] Rotation to_rotation(pybind11::handle object);
[[nodiscard]] bool to_full_range(pybind11::handle object, PixelFormat format);
[[nodiscard]] std::pair<int, int> to_pixel_aspect(pybind11::handle object);
[[nodiscard]] std::optional<int64_t> to_pts_ns(pybind11::handle object);

// The matrix as to_matrix() takes it.
[[nodiscard]] std::string_view matrix_name(ColourMatrix matrix) noexcept;

}  // namespace stillcast::bindings
