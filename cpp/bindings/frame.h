#pragma once

#include <pybind11/pybind11.h>

#include <array>
#include <string>

#include "stillcast/frame.h"

namespace stillcast::bindings {

// A hold on a Python object's buffer; the memory stays where it is while this lives.
class BufferHold {
 public:
  BufferHold() = default;
  ~BufferHold() { reset(); }
  BufferHold(const BufferHold&) = delete;
  BufferHold& operator=(const BufferHold&) = delete;

  // Raises FrameFormatError, naming `name`, for what has no uint8 buffer.
  void acquire(pybind11::handle object, const char* name);
  void reset() noexcept;
  [[nodiscard]] const Py_buffer& view() const noexcept { return view_; }

 private:
  Py_buffer view_{};
  bool held_ = false;
};

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

// Raises stillcast.errors.FrameFormatError.
[[noreturn]] void raise_frame_format_error(const std::string& message);

}  // namespace stillcast::bindings
