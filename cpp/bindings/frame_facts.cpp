#include "frame_facts.h"

#include <algorithm>
#include <array>
#include <string>

#include "errors.h"

namespace py = pybind11;

namespace stillcast::bindings {

namespace {

constexpr std::array<std::pair<std::string_view, ColourMatrix>, 3> kMatrices{
    {{"bt601", ColourMatrix::kBt601}, {"bt709", ColourMatrix::kBt709}, {"bt2020", ColourMatrix::kBt2020}}};

// The text of a str; nothing for what is no str or has no UTF-8 form.
std::optional<std::string_view> to_text(py::handle object) {
  if (!PyUnicode_Check(object.ptr())) return std::nullopt;
  Py_ssize_t bytes = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object.ptr(), &bytes);
  if (text == nullptr) {
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string_view(text, static_cast<size_t>(bytes));
}

// An int, or the value of anything that Python takes for one; out of range of C++ is out of range for us.
int to_int(py::handle object, const char* name) {
  if (!PyBool_Check(object.ptr()) && PyIndex_Check(object.ptr())) {
    const Py_ssize_t value = PyNumber_AsSsize_t(object.ptr(), nullptr);
    if (value == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return static_cast<int>(std::clamp<Py_ssize_t>(value, -1, kMaxSide + 1));
  }
  raise_frame_format_error(std::string(name) + ": " + shown(object) + ": use a whole number");
}

}  // namespace

int to_side(py::handle object, const char* name) {
  const int side = to_int(object, name);
  if (side >= 1 && side <= kMaxSide) return side;
  raise_frame_format_error(std::string(name) + ": " + shown(object) + ": use 1 to " + std::to_string(kMaxSide));
}

PixelFormat to_format(py::handle object) {
  if (const auto name = to_text(object)) {
    if (const auto format = format_by_name(*name)) return *format;
  }
  std::string known;
  for (const std::string_view name : format_names()) known += (known.empty() ? "" : ", ") + std::string(name);
  raise_frame_format_error("format: " + shown(object) + ": use one of " + known);
}

ColourMatrix to_matrix(py::handle object, int height) {
  if (object.is_none()) return default_matrix(height);
  if (const auto name = to_text(object)) {
    for (const auto& [known, matrix] : kMatrices) {
      if (*name == known) return matrix;
    }
  }
  raise_frame_format_error("matrix: " + shown(object) + ": use 'bt601', 'bt709', 'bt2020' or None");
}

Rotation to_rotation(py::handle object) {
  const int degrees = to_int(object, "rotation");
  if (degrees >= 0 && degrees < 360 && degrees % 90 == 0) return static_cast<Rotation>(degrees / 90);
  raise_frame_format_error("rotation: " + shown(object) + ": use 0, 90, 180 or 270 degrees clockwise");
}

bool to_full_range(py::handle object, PixelFormat format) {
  if (object.is_none()) return default_full_range(format);
  if (PyBool_Check(object.ptr())) return object.ptr() == Py_True;
  raise_frame_format_error("full_range: " + shown(object) + ": use True, False or None");
}

std::pair<int, int> to_pixel_aspect(py::handle object) {
  if (py::isinstance<py::sequence>(object) && py::len(object) == 2) {
    const auto pair = py::reinterpret_borrow<py::sequence>(object);
    return {to_side(py::object(pair[0]), "pixel_aspect[0]"), to_side(py::object(pair[1]), "pixel_aspect[1]")};
  }
  raise_frame_format_error("pixel_aspect: " + shown(object) + ": use two whole numbers, width to height of a pixel");
}

std::optional<int64_t> to_pts_ns(py::handle object) {
  if (object.is_none()) return std::nullopt;
  if (PyIndex_Check(object.ptr())) {
    const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
    const int64_t value = PyLong_AsLongLong(index.ptr());
    if (value != -1 || PyErr_Occurred() == nullptr) return value;
    PyErr_Clear();
  }
  raise_frame_format_error("pts_ns: " + shown(object) + ": use whole nanoseconds of 64 bits, or None");
}

std::string_view matrix_name(ColourMatrix matrix) noexcept {
  for (const auto& [name, known] : kMatrices) {
    if (matrix == known) return name;
  }
  return {};
}

}  // namespace stillcast::bindings
