#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "errors.h"
#include "frame.h"
#include "stillcast/sampler.h"

namespace py = pybind11;

namespace stillcast::bindings {

namespace {

py::bytes to_bytes(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The two for a histogram: how many delays each bucket took, and what they add up to.
py::tuple to_tuple(const DelayHistogram& histogram) { return py::make_tuple(histogram.counts(), histogram.sum_ms()); }

StillSettings still_settings(int max_width, int max_height, int quality) {
  if (max_width < 2 || max_height < 2) throw std::invalid_argument("max_size: use at least 2x2");
  if (quality < 1 || quality > 100) throw std::invalid_argument("quality: use 1 to 100");
  return {{max_width, max_height}, quality};
}

// Lets other Python threads run while it lives.
//
// Note [The GIL at the end of the process]
// A daemon thread that asks for the GIL while the interpreter ends is ended by Python, by a forced unwinding through
// our frames (up to Python 3.13). pybind11's own guard has a destructor that may not throw, which turns that into
// std::terminate: so this one may.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() noexcept(false) { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// The parts of a still, JPEG, width, height, mean and deviation of luma, hash: a tuple is what costs least.
py::tuple encode(py::handle object, int max_width, int max_height, int quality) {
  if (!is_frame(object)) {
    raise_frame_format_error("frame: " + py::str(py::type::of(object)).cast<std::string>() +
                             ": make a stillcast.Frame of it first");
  }
  const FrameView& frame = py::cast<const Frame&>(object).view();
  const StillSettings settings = still_settings(max_width, max_height, quality);
  // The encoder's tables, planes and output stay with the thread: see StillMaker.
  thread_local StillMaker maker;
  StillView still;
  const Status status = [&] {
    const WithoutGil others_run;
    return maker.make(frame, settings, still);
  }();
  if (!status.is_ok()) throw std::runtime_error(status.message());
  return py::make_tuple(to_bytes(still.jpeg), still.size.width, still.size.height, still.luma.mean,
                        still.luma.deviation, still.luma.dhash);
}

// Never raises: what cannot be taken is counted. While nothing is due the argument is not even looked at.
bool push(Feed& feed, py::handle object) {
  if (!feed.wanted()) {
    feed.pass();
    return false;
  }
  if (!is_frame(object)) {
    feed.refuse_non_frame();
    return false;
  }
  const FrameView& frame = py::cast<const Frame&>(object).view();
  const WithoutGil others_run;
  return feed.push(frame);
}

CapturedStillPtr take(Sampler& sampler, double timeout_s) {
  const WithoutGil others_run;
  return sampler.stills().take(std::chrono::nanoseconds(std::llround(timeout_s * 1e9)));
}

template <size_t N>
py::dict to_dict(const std::array<std::string_view, N>& names, const std::array<std::atomic<uint64_t>, N>& counters) {
  py::dict dict;
  for (size_t i = 0; i < N; ++i) dict[py::str(names[i].data(), names[i].size())] = counters[i].load();
  return dict;
}

py::dict counters(Sampler& sampler) {
  const Counters& from = sampler.counters();
  py::dict dict;
  // First: what leaves the ring afterwards is seen as a still below.
  dict["in_work"] = sampler.ring().slots() - sampler.ring().free_slots();
  dict["ticks"] = from.ticks.load();
  dict["tick_stills"] = from.tick_stills.load();
  dict["snapshot_stills"] = from.snapshot_stills.load();
  dict["queued"] = sampler.stills().size();
  dict["missed"] = to_dict(kMissedNames, from.missed);
  dict["missed_snapshots"] = to_dict(kMissedSnapshotNames, from.missed_snapshots);
  dict["refused"] = to_dict(kRefusedNames, from.refused);
  dict["lateness"] = to_tuple(from.lateness);
  dict["frame_age"] = to_tuple(from.frame_age);
  return dict;
}

FeedSettings feed_settings(double interval_s, int max_width, int max_height, int quality) {
  if (!(interval_s >= 0.001)) throw std::invalid_argument("interval: use at least 0.001 seconds");
  return {std::llround(interval_s * 1e9), still_settings(max_width, max_height, quality)};
}

std::shared_ptr<Feed> open_feed(Sampler& sampler, double interval_s, int max_width, int max_height, int quality) {
  return sampler.open_feed(feed_settings(interval_s, max_width, max_height, quality));
}

bool change(Feed& feed, double interval_s, int max_width, int max_height, int quality) {
  return feed.change(feed_settings(interval_s, max_width, max_height, quality));
}

EncoderChoice encoder_choice(std::string_view name) {
  const auto choice = encoder_by_name(name);
  if (!choice) throw std::invalid_argument("encoder: use auto, turbo or native");
  return *choice;
}

std::unique_ptr<Sampler> make_sampler(int workers, bool report_missed, std::string_view encoder) {
  if (workers < 1 || workers > SamplerOptions::kMaxWorkers) throw std::invalid_argument("workers: use 1 to 64");
  SamplerOptions options;
  options.workers = workers;
  options.report_missed = report_missed;
  options.encoder = encoder_choice(encoder);
  return std::make_unique<Sampler>(std::make_shared<SystemClock>(), options);
}

std::optional<std::string_view> missed_name(const CapturedStill& captured) {
  if (!captured.missed) return std::nullopt;
  return kMissedNames[static_cast<size_t>(*captured.missed)];
}

void bind_stills(py::module_& module) {
  py::class_<EncodedStill>(module, "EncodedPicture")
      .def_property_readonly("jpeg", [](const EncodedStill& s) { return to_bytes(s.jpeg); })
      .def_property_readonly("width", [](const EncodedStill& s) { return s.size.width; })
      .def_property_readonly("height", [](const EncodedStill& s) { return s.size.height; })
      .def_property_readonly("mean_luma", [](const EncodedStill& s) { return s.luma.mean; })
      .def_property_readonly("luma_deviation", [](const EncodedStill& s) { return s.luma.deviation; })
      .def_property_readonly("dhash", [](const EncodedStill& s) { return s.luma.dhash; });

  py::class_<CapturedStill, std::shared_ptr<CapturedStill>>(module, "CapturedPicture")
      .def_property_readonly("picture", [](const CapturedStill& c) -> const EncodedStill& { return c.still; })
      .def_readonly("feed_id", &CapturedStill::feed_id)
      .def_readonly("tick", &CapturedStill::tick)
      .def_readonly("snapshot", &CapturedStill::snapshot)
      .def_property_readonly("missed", &missed_name)
      .def_readonly("captured_utc_ns", &CapturedStill::captured_utc_ns)
      .def_readonly("pushed_ns", &CapturedStill::pushed_ns)
      .def_readonly("frame_age_ms", &CapturedStill::frame_age_ms)
      .def_readonly("lateness_ms", &CapturedStill::lateness_ms)
      .def_property_readonly("source_width", [](const CapturedStill& c) { return c.source.width; })
      .def_property_readonly("source_height", [](const CapturedStill& c) { return c.source.height; })
      .def_readonly("pts_ns", &CapturedStill::pts_ns);
}

void bind_sampler(py::module_& module) {
  py::class_<Feed, std::shared_ptr<Feed>>(module, "Feed")
      .def("push", &push, py::arg("frame").none(true))
      .def_property_readonly("wanted", &Feed::wanted)
      .def_property_readonly("due_in_ns", &Feed::due_in_ns)
      .def_property_readonly("in_child", &Feed::in_child)
      .def_property_readonly("id", &Feed::id)
      .def_property_readonly("retired", &Feed::retired)
      .def_property_readonly("frames_in_work", &Feed::frames_in_work)
      .def("request_snapshot", &Feed::request_snapshot)
      .def("cancel_snapshot", &Feed::cancel_snapshot)
      .def("last_still", [](const Feed& f) { return std::const_pointer_cast<CapturedStill>(f.last_still()); })
      .def("change", &change, py::arg("interval_s"), py::arg("max_width"), py::arg("max_height"), py::arg("quality"))
      .def("close", &Feed::close);

  py::class_<Sampler>(module, "Sampler")
      .def(py::init(&make_sampler), py::kw_only(), py::arg("workers") = 1, py::arg("report_missed") = false,
           py::arg("encoder") = "auto")
      .def_property_readonly("in_child", &Sampler::in_child)
      .def("start", &Sampler::start)
      .def("stop",
           [](Sampler& s) {
             const WithoutGil others_run;
             s.stop();
           })
      .def("open_feed", &open_feed, py::arg("interval_s"), py::arg("max_width"), py::arg("max_height"),
           py::arg("quality"))
      .def(
          "take",
          [](Sampler& s, double timeout_s) { return std::const_pointer_cast<CapturedStill>(take(s, timeout_s)); },
          py::arg("timeout_s"))
      .def("counters", &counters);
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  module.doc() = "The hot path of stillcast; use it through the package.";
  bind_frame(module);
  bind_stills(module);
  bind_sampler(module);
  module.attr("DELAY_BOUNDS_MS") = py::tuple(py::cast(DelayHistogram::kBoundsMs));
  module.def("monotonic_ns", [] { return SystemClock().monotonic_ns(); });
  module.def(
      "encoder_name", [](std::string_view encoder) { return encoder_name(encoder_choice(encoder)); },
      py::arg("encoder"));
  module.def("encode", &encode, py::arg("frame"), py::arg("max_width"), py::arg("max_height"), py::arg("quality"));
}

}  // namespace stillcast::bindings
