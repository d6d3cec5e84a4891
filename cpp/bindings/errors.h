#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace stillcast::bindings {

// What the caller gave, as an error message shows it: ASCII, and never longer than a line.
[[nodiscard]] std::string shown(pybind11::handle object);

// Raises stillcast.errors.FrameFormatError.
[[noreturn]] void raise_frame_format_error(const std::string& message);

}  // namespace stillcast::bindings
