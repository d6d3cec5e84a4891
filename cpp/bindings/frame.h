#pragma once

#include <pybind11/pybind11.h>

#include <array>

#include "buffer.h"
#include "stillcast/frame.h"

namespace stillcast::bindings {

// The Python class Frame: a FrameView and the buffers that it looks into.
class Frame {
 public:
  [[nodiscard]] const FrameView& view() const noexcept { return view_; }

 private:
  friend class FrameBuilder;
  FrameView view_;
  std::array<BufferHold, kMaxPlanes> holds_;
};

// Whether it is a Frame, and one whose __init__ has run: Frame.__new__ alone makes an object without a frame.
[[nodiscard]] bool is_frame(pybind11::handle object) noexcept;

void bind_frame(pybind11::module_& module);

}  // namespace stillcast::bindings
