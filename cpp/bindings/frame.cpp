#include "frame.h"

#include <pybind11/stl.h>

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "errors.h"
#include "frame_facts.h"

namespace py = pybind11;

namespace stillcast::bindings {

namespace {

// The class Frame; the module holds it for as long as the process lives.
PyTypeObject* frame_type = nullptr;

}  // namespace

bool is_frame(py::handle object) noexcept {
  // By the type itself and not by __class__, which a mock or a dead proxy may answer as it likes.
  if (!PyObject_TypeCheck(object.ptr(), frame_type)) return false;
  return reinterpret_cast<py::detail::instance*>(object.ptr())->get_value_and_holder().holder_constructed();
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
    const std::string name = "planes[" + std::to_string(p) + "]";
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

std::string frame_repr(const Frame& frame) {
  const FrameView& view = frame.view();
  return "Frame(" + std::string(format_info(view.format).name) + " " + std::to_string(view.width) + "x" +
         std::to_string(view.height) + ", " + std::string(matrix_name(view.matrix)) +
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
      .def_property_readonly("matrix", [](const Frame& f) { return matrix_name(f.view().matrix); })
      .def_property_readonly("full_range", [](const Frame& f) { return f.view().full_range; })
      .def_property_readonly("rotation", [](const Frame& f) { return 90 * static_cast<int>(f.view().rotation); })
      .def_property_readonly(
          "pixel_aspect",
          [](const Frame& f) { return py::make_tuple(f.view().pixel_aspect_x, f.view().pixel_aspect_y); })
      .def_property_readonly("pts_ns", [](const Frame& f) { return f.view().pts_ns; })
      .def("__repr__", &frame_repr);
}

}  // namespace stillcast::bindings
