#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <utility>

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

[[nodiscard]] std::string shape_text(const Py_buffer& view);

// From one entry of a dimension to the next.
[[nodiscard]] Py_ssize_t stride_bytes(const Py_buffer& view, int dimension) noexcept;

// Raises FrameFormatError unless the samples of a row lie side by side.
void require_dense_rows(const Py_buffer& view, const std::string& name);

// Width and height of the picture in one array: numpy's usual shapes, see the docstring of Frame.from_array.
[[nodiscard]] std::pair<Py_ssize_t, Py_ssize_t> array_size(const Py_buffer& view, PixelFormat format);

}  // namespace stillcast::bindings
