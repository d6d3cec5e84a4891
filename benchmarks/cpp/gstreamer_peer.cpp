// GStreamer: appsrc ! videoscale ! jpegenc ! appsink, playing for ever. Buffers wrap the frame's memory, the JPEG is
// looked at in place. method=bilinear2 is the one of videoscale's filters that widens with the ratio and so does not
// alias; islow is the DCT of everybody else here. Its elements run in threads of their own.

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace stillcast::benchmarks {
namespace {

struct Unref {
  void operator()(void* object) const { gst_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

class Pipeline {
 public:
  Pipeline(int source_width, int source_height, int width, int height, int quality) {
    gst_init(nullptr, nullptr);
    const std::string text =
        "appsrc name=in format=time block=true caps=video/x-raw,format=I420,framerate=25/1,width=" +
        std::to_string(source_width) + ",height=" + std::to_string(source_height) +
        " ! videoscale method=bilinear2 add-borders=false ! video/x-raw,width=" + std::to_string(width) +
        ",height=" + std::to_string(height) + " ! jpegenc idct-method=islow quality=" + std::to_string(quality) +
        " ! appsink name=out sync=false max-buffers=1";
    GError* error = nullptr;
    pipeline_.reset(gst_parse_launch(text.c_str(), &error));
    if (error != nullptr) {
      std::fprintf(stderr, "GStreamer: %s\n", error->message);
      g_error_free(error);
      pipeline_.reset();
      return;
    }
    source_.reset(gst_bin_get_by_name(GST_BIN(pipeline_.get()), "in"));
    sink_.reset(gst_bin_get_by_name(GST_BIN(pipeline_.get()), "out"));
    gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
  }

  ~Pipeline() {
    release();
    if (pipeline_) gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
  }
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  [[nodiscard]] bool works() const { return sink_ != nullptr; }

  size_t still(const uint8_t* i420, size_t bytes, const uint8_t** jpeg) {
    release();
    GstBuffer* frame = gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, const_cast<uint8_t*>(i420), bytes, 0,
                                                   bytes, nullptr, nullptr);
    GST_BUFFER_PTS(frame) = at_++ * GST_SECOND / 25;
    if (gst_app_src_push_buffer(GST_APP_SRC(source_.get()), frame) != GST_FLOW_OK) return 0;
    sample_ = gst_app_sink_try_pull_sample(GST_APP_SINK(sink_.get()), 10 * GST_SECOND);
    if (sample_ == nullptr || gst_buffer_map(gst_sample_get_buffer(sample_), &map_, GST_MAP_READ) == FALSE) return 0;
    *jpeg = map_.data;
    return map_.size;
  }

 private:
  void release() {
    if (sample_ == nullptr) return;
    gst_buffer_unmap(gst_sample_get_buffer(sample_), &map_);
    gst_sample_unref(sample_);
    sample_ = nullptr;
  }

  Owned<GstElement> pipeline_;
  Owned<GstElement> source_;
  Owned<GstElement> sink_;
  GstSample* sample_ = nullptr;
  GstMapInfo map_{};
  GstClockTime at_ = 0;
};

}  // namespace
}  // namespace stillcast::benchmarks

using stillcast::benchmarks::Pipeline;

extern "C" {

// Null if an element is missing.
Pipeline* gstreamer_new(int source_width, int source_height, int width, int height, int quality) {
  auto pipeline = std::make_unique<Pipeline>(source_width, source_height, width, height, quality);
  return pipeline->works() ? pipeline.release() : nullptr;
}

void gstreamer_free(Pipeline* self) { delete self; }

// The number of bytes at `jpeg`, which are valid until the next call; 0 if the pipeline failed.
size_t gstreamer_still(Pipeline* self, const uint8_t* i420, size_t bytes, const uint8_t** jpeg) {
  return self->still(i420, bytes, jpeg);
}

}  // extern "C"
