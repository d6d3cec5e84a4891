#include "buffer.h"

#include <string_view>

#include "errors.h"

namespace py = pybind11;

namespace stillcast::bindings {

namespace {

// Bytes that the dimensions after the first take up when nothing lies between them; -1 when something does.
Py_ssize_t dense_row_bytes(const Py_buffer& view) noexcept {
  Py_ssize_t bytes = 1;
  for (int i = view.ndim - 1; i > 0; --i) {
    if (stride_bytes(view, i) != bytes && view.shape[i] > 1) return -1;
    bytes *= view.shape[i];
  }
  return bytes;
}

}  // namespace

void BufferHold::acquire(py::handle object, const char* name) {
  if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) {
    const py::error_already_set error;
    raise_frame_format_error(std::string(name) + ": " + py::str(py::type::of(object)).cast<std::string>() + ": " +
                             py::str(error.value()).cast<std::string>() + ": give a live uint8 array");
  }
  held_ = true;
  std::string_view format = view_.format == nullptr ? "B" : view_.format;
  if (format.size() == 2 && std::string_view("@=<>!").find(format[0]) != std::string_view::npos)
    format.remove_prefix(1);
  if (format != "B") {
    raise_frame_format_error(std::string(name) + ": dtype of buffer format '" + std::string(format) + "': use uint8");
  }
}

void BufferHold::reset() noexcept {
  if (held_) PyBuffer_Release(&view_);
  held_ = false;
}

std::string shape_text(const Py_buffer& view) {
  std::string text = "(";
  for (int i = 0; i < view.ndim; ++i) text += (i > 0 ? ", " : "") + std::to_string(view.shape[i]);
  return text + (view.ndim == 1 ? ",)" : ")");
}

// ctypes leaves strides out, which says that nothing lies between.
Py_ssize_t stride_bytes(const Py_buffer& view, int dimension) noexcept {
  if (view.strides != nullptr) return view.strides[dimension];
  Py_ssize_t bytes = 1;
  for (int i = view.ndim - 1; i > dimension; --i) bytes *= view.shape[i];
  return bytes;
}

void require_dense_rows(const Py_buffer& view, const std::string& name) {
  if (dense_row_bytes(view) >= 0) return;
  raise_frame_format_error(name + ": stride: samples of a row do not lie side by side: use numpy.ascontiguousarray");
}

std::pair<Py_ssize_t, Py_ssize_t> array_size(const Py_buffer& view, PixelFormat format) {
  const FormatInfo& info = format_info(format);
  const int channels = info.component[0].step_bytes;
  const bool planar = info.planes > 1;
  const bool flat = view.ndim == 2 && channels == 1;
  const bool with_samples = view.ndim == 3 && view.shape[2] == channels && !planar;
  if (!flat && !with_samples) {
    const std::string want = planar          ? "(height * 3 / 2, width)"
                             : channels == 1 ? "(height, width)"
                                             : "(height, width, " + std::to_string(channels) + ")";
    raise_frame_format_error("array: shape " + shape_text(view) + ": " + std::string(info.name) + " needs " + want);
  }
  const Py_ssize_t rows = view.shape[0];
  const Py_ssize_t width = view.shape[1];
  if (!planar && (info.component[1].sub_x == 1 || info.components == 1 || width % 2 == 0)) return {width, rows};
  if (planar && rows % 3 == 0 && width % 2 == 0) return {width, rows / 3 * 2};
  raise_frame_format_error("array: shape " + shape_text(view) + ": " + std::string(info.name) +
                           " in one array needs an even width" + (planar ? " and height" : "") +
                           ": give odd sizes as planes");
}

}  // namespace stillcast::bindings
