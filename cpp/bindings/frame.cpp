#include "frame.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace py = pybind11;

namespace stillcast::bindings {

namespace {

// The class Frame; the module holds it for as long as the process lives.
PyTypeObject* frame_type = nullptr;

constexpr std::array<std::pair<std::string_view, ColourMatrix>, 3> kMatrices{
    {{"bt601", ColourMatrix::kBt601}, {"bt709", ColourMatrix::kBt709}, {"bt2020", ColourMatrix::kBt2020}}};

// What the caller gave, as an error message shows it: ASCII, and never longer than a line.
std::string shown(py::handle object) {
  constexpr size_t kLongest = 60;
  auto text = py::reinterpret_steal<py::str>(PyObject_ASCII(object.ptr())).cast<std::string>();
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

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

std::string plane_name(size_t plane) { return "planes[" + std::to_string(plane) + "]"; }

std::string shape_text(const Py_buffer& view) {
  std::string text = "(";
  for (int i = 0; i < view.ndim; ++i) text += (i > 0 ? ", " : "") + std::to_string(view.shape[i]);
  return text + (view.ndim == 1 ? ",)" : ")");
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

// ctypes leaves strides out, which says that nothing lies between.
Py_ssize_t stride_bytes(const Py_buffer& view, int dimension) noexcept {
  if (view.strides != nullptr) return view.strides[dimension];
  Py_ssize_t bytes = 1;
  for (int i = view.ndim - 1; i > dimension; --i) bytes *= view.shape[i];
  return bytes;
}

// Bytes that the dimensions after the first take up when nothing lies between them; -1 when something does.
Py_ssize_t dense_row_bytes(const Py_buffer& view) noexcept {
  Py_ssize_t bytes = 1;
  for (int i = view.ndim - 1; i > 0; --i) {
    if (stride_bytes(view, i) != bytes && view.shape[i] > 1) return -1;
    bytes *= view.shape[i];
  }
  return bytes;
}

void require_dense_rows(const Py_buffer& view, const std::string& name) {
  if (dense_row_bytes(view) >= 0) return;
  raise_frame_format_error(name + ": stride: samples of a row do not lie side by side: use numpy.ascontiguousarray");
}

// Width and height of the picture in one array: numpy's usual shapes, see the docstring of Frame.from_array.
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

}  // namespace

void raise_frame_format_error(const std::string& message) {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> storage;
  const py::object& error = storage
                                .call_once_and_store_result([] {
                                  return py::object(py::module_::import("stillcast.errors").attr("FrameFormatError"));
                                })
                                .get_stored();
  py::set_error(error, message.c_str());
  throw py::error_already_set();
}

bool is_frame(py::handle object) noexcept {
  // By the type itself and not by __class__, which a mock or a dead proxy may answer as it likes.
  if (!PyObject_TypeCheck(object.ptr(), frame_type)) return false;
  return reinterpret_cast<py::detail::instance*>(object.ptr())->get_value_and_holder().holder_constructed();
}

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

// Fills a Frame from what Python gave, in the order in which problems are best told.
class FrameBuilder {
 public:
  explicit FrameBuilder(py::handle format) : frame_(std::make_unique<Frame>()) { view().format = to_format(format); }

  void set_size(py::handle width, py::handle height) {
    view().width = to_side(width, "width");
    view().height = to_side(height, "height");
  }

  void set_facts(py::handle matrix, py::handle full_range, py::handle rotation, py::handle pixel_aspect,
                 py::handle pts_ns) {
    view().matrix = to_matrix(matrix, view().height);
    view().full_range = to_full_range(full_range, view().format);
    view().rotation = to_rotation(rotation);
    std::tie(view().pixel_aspect_x, view().pixel_aspect_y) = to_pixel_aspect(pixel_aspect);
    view().pts_ns = to_pts_ns(pts_ns);
  }

  void set_planes(py::handle object) {
    const auto count = static_cast<size_t>(info().planes);
    if (!py::isinstance<py::sequence>(object) || py::isinstance<py::buffer>(object)) {
      raise_frame_format_error("planes: " + py::str(py::type::of(object)).cast<std::string>() +
                               ": give a sequence of " + std::to_string(count) + " arrays");
    }
    const auto planes = py::reinterpret_borrow<py::sequence>(object);
    if (planes.size() != count) {
      raise_frame_format_error("planes: " + std::to_string(planes.size()) + " of them: " + std::string(info().name) +
                               " has " + std::to_string(count));
    }
    for (size_t p = 0; p < count; ++p) set_plane(p, py::object(planes[p]));
  }

  // All planes in one array, as numpy users keep them; its shape says the size.
  void set_array(py::handle array) {
    BufferHold& hold = frame_->holds_[0];
    hold.acquire(array, "array");
    const auto [width, height] = array_size(hold.view(), view().format);
    set_size(py::int_(width), py::int_(height));
    require_dense_rows(hold.view(), "array");
    const auto* data = static_cast<const uint8_t*>(hold.view().buf);
    const ptrdiff_t stride = stride_bytes(hold.view(), 0);
    const int line_bytes = info().row_bytes(0, view().width);
    // Rows of all planes follow one another; those of a plane with half as long rows lie two on a line.
    int line = 0;
    int half = 0;
    for (int p = 0; p < info().planes; ++p) {
      PlaneView plane = sized_plane(p);
      plane.rows_per_line = line_bytes / plane.row_bytes;
      plane.stride_bytes = stride;
      plane.data = data + line * stride;
      plane.first_row = half;
      const int rows = half + plane.rows;
      line += rows / plane.rows_per_line;
      half = rows % plane.rows_per_line;
      view().planes[static_cast<size_t>(p)] = plane;
    }
  }

  std::unique_ptr<Frame> finish() {
    const Status status = check_frame(view());
    if (!status.is_ok()) raise_frame_format_error(status.message());
    return std::move(frame_);
  }

 private:
  FrameView& view() noexcept { return frame_->view_; }
  [[nodiscard]] const FormatInfo& info() noexcept { return format_info(view().format); }

  PlaneView sized_plane(int plane) noexcept {
    PlaneView sized;
    sized.row_bytes = info().row_bytes(plane, view().width);
    sized.rows = info().rows(plane, view().height);
    return sized;
  }

  void set_plane(size_t p, py::handle object) {
    const std::string name = plane_name(p);
    BufferHold& hold = frame_->holds_[p];
    hold.acquire(object, name.c_str());
    const Py_buffer& buffer = hold.view();
    PlaneView plane = sized_plane(static_cast<int>(p));
    if (buffer.ndim < 2 || buffer.ndim > 3 || buffer.shape[0] != plane.rows || row_bytes(buffer) != plane.row_bytes) {
      raise_frame_format_error(name + ": shape " + shape_text(buffer) + ": " + std::string(info().name) + " of " +
                               std::to_string(view().width) + "x" + std::to_string(view().height) + " needs (" +
                               std::to_string(plane.rows) + ", " + std::to_string(plane.row_bytes) + ")");
    }
    require_dense_rows(buffer, name);
    plane.data = static_cast<const uint8_t*>(buffer.buf);
    plane.stride_bytes = stride_bytes(buffer, 0);
    view().planes[p] = plane;
  }

  static Py_ssize_t row_bytes(const Py_buffer& buffer) noexcept {
    Py_ssize_t bytes = 1;
    for (int i = 1; i < buffer.ndim; ++i) bytes *= buffer.shape[i];
    return bytes;
  }

  std::unique_ptr<Frame> frame_;
};

namespace {

std::unique_ptr<Frame> frame_from_planes(const py::object& planes, const py::object& format, const py::object& width,
                                         const py::object& height, const py::object& matrix,
                                         const py::object& full_range, const py::object& rotation,
                                         const py::object& pixel_aspect, const py::object& pts_ns) {
  FrameBuilder builder(format);
  builder.set_size(width, height);
  builder.set_facts(matrix, full_range, rotation, pixel_aspect, pts_ns);
  builder.set_planes(planes);
  return builder.finish();
}

std::unique_ptr<Frame> frame_from_array(const py::object& array, const py::object& format, const py::object& matrix,
                                        const py::object& full_range, const py::object& rotation,
                                        const py::object& pixel_aspect, const py::object& pts_ns) {
  FrameBuilder builder(format);
  builder.set_array(array);
  builder.set_facts(matrix, full_range, rotation, pixel_aspect, pts_ns);
  return builder.finish();
}

std::string_view matrix_name(const Frame& frame) {
  for (const auto& [name, matrix] : kMatrices) {
    if (matrix == frame.view().matrix) return name;
  }
  return {};
}

std::string frame_repr(const Frame& frame) {
  const FrameView& view = frame.view();
  return "Frame(" + std::string(format_info(view.format).name) + " " + std::to_string(view.width) + "x" +
         std::to_string(view.height) + ", " + std::string(matrix_name(frame)) +
         (view.full_range ? " full range" : " limited range") + ", rotation " +
         std::to_string(90 * static_cast<int>(view.rotation)) + ")";
}

}  // namespace

constexpr const char* kFrameDoc = R"(One picture in the caller's memory, and how to read it. Copies nothing.

Args:
    planes: uint8 arrays, as many as the format has. I420: Y (height, width), then U and V of (ceil(height / 2),
        ceil(width / 2)). NV12, NV21: Y, then pairs of UV or VU, (ceil(height / 2), 2 * ceil(width / 2)). YUY2, UYVY:
        one of (height, 4 * ceil(width / 2)). GRAY8: one of (height, width). RGB24, BGR24: one of (height, 3 * width).
        RGBA, BGRA: one of (height, 4 * width); alpha is ignored. A last dimension of samples, as in (height, width, 3),
        is the same. Rows may be padded: any row stride that does not overlap, negative ones included. The arrays are
        held while the frame lives.
    format: one of I420 NV12 NV21 YUY2 UYVY GRAY8 RGB24 BGR24 RGBA BGRA.
    width: pixels, 1 to 16,384.
    height: pixels, 1 to 16,384.
    matrix: of YCbCr: "bt601", "bt709" or "bt2020"; None means bt709 from 720 rows up, else bt601.
    full_range: whether levels fill 0 to 255; None means they do for RGB and grey, and YCbCr is limited (16 to 235).
    rotation: degrees clockwise, 0, 90, 180 or 270, that bring the picture upright.
    pixel_aspect: width to height of one pixel as it is to be shown.
    pts_ns: time of the frame on the host's own media clock; handed through to the still.

Raises:
    FrameFormatError: if the planes cannot be that frame.
)";

constexpr const char* kFromArrayDoc =
    R"(Make a frame of one numpy array in numpy's usual shape; the shape says the size.

Args:
    array: uint8. I420, NV12, NV21: (height * 3 / 2, width), both sides even. YUY2, UYVY: (height, width, 2), width even.
        GRAY8: (height, width). RGB24, BGR24: (height, width, 3). RGBA, BGRA: (height, width, 4). Rows may be padded.
    format: as for Frame, and so are the other arguments.

Raises:
    FrameFormatError: if the array cannot be that frame.
)";

void bind_frame(py::module_& module) {
  const py::tuple square = py::make_tuple(1, 1);
  py::class_<Frame> frame(module, "Frame", kFrameDoc);
  frame_type = reinterpret_cast<PyTypeObject*>(frame.ptr());
  frame
      .def(py::init(&frame_from_planes), py::arg("planes"), py::arg("format"), py::arg("width"), py::arg("height"),
           py::kw_only(), py::arg("matrix") = py::none(), py::arg("full_range") = py::none(), py::arg("rotation") = 0,
           py::arg("pixel_aspect") = square, py::arg("pts_ns") = py::none())
      .def_static("from_array", &frame_from_array, py::arg("array"), py::arg("format"), py::kw_only(),
                  py::arg("matrix") = py::none(), py::arg("full_range") = py::none(), py::arg("rotation") = 0,
                  py::arg("pixel_aspect") = square, py::arg("pts_ns") = py::none(), kFromArrayDoc)
      .def_property_readonly("format", [](const Frame& f) { return format_info(f.view().format).name; })
      .def_property_readonly("width", [](const Frame& f) { return f.view().width; })
      .def_property_readonly("height", [](const Frame& f) { return f.view().height; })
      .def_property_readonly("matrix", &matrix_name)
      .def_property_readonly("full_range", [](const Frame& f) { return f.view().full_range; })
      .def_property_readonly("rotation", [](const Frame& f) { return 90 * static_cast<int>(f.view().rotation); })
      .def_property_readonly(
          "pixel_aspect",
          [](const Frame& f) { return py::make_tuple(f.view().pixel_aspect_x, f.view().pixel_aspect_y); })
      .def_property_readonly("pts_ns", [](const Frame& f) { return f.view().pts_ns; })
      .def("__repr__", &frame_repr);
}

}  // namespace stillcast::bindings
