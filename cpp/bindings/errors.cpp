#include "errors.h"

namespace py = pybind11;

namespace stillcast::bindings {

std::string shown(py::handle object) {
  constexpr size_t kLongest = 60;
  auto text = py::reinterpret_steal<py::str>(PyObject_ASCII(object.ptr())).cast<std::string>();
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

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

}  // namespace stillcast::bindings
