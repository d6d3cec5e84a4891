#include "stillcast/jpeg/turbo_encoder.h"

#include <array>
#include <csetjmp>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "stillcast/jpeg/libjpeg.h"
#include "stillcast/jpeg/turbo_memory.h"

namespace stillcast::jpeg {

namespace {

constexpr size_t kFirstOutputBytes = 64 * 1024;
constexpr int kLumaRows = 16;  // of one MCU row at 4:2:0
constexpr int kChromaRows = 8;

struct ErrorHandler {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf escape;
  std::array<char, JMSG_LENGTH_MAX> message;
};

struct Output {
  jpeg_destination_mgr manager;  // first: libjpeg hands back a pointer to it
  std::unique_ptr<uint8_t[]> bytes;
  size_t capacity;
};

Output& output_of(j_compress_ptr jpeg) noexcept { return *reinterpret_cast<Output*>(jpeg->dest); }

void on_error(j_common_ptr jpeg) {
  auto* handler = reinterpret_cast<ErrorHandler*>(jpeg->err);
  handler->manager.format_message(jpeg, handler->message.data());
  std::longjmp(handler->escape, 1);
}

void on_message(j_common_ptr /*jpeg*/) {}

void start_output(j_compress_ptr jpeg) {
  Output& output = output_of(jpeg);
  output.manager.next_output_byte = output.bytes.get();
  output.manager.free_in_buffer = output.capacity;
}

// The buffer is full: double it. Happens while warming up, or for a picture with more detail than any before.
boolean grow_output(j_compress_ptr jpeg) {
  Output& output = output_of(jpeg);
  auto* grown = new (std::nothrow) uint8_t[2 * output.capacity];
  if (grown == nullptr) {
    ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    return FALSE;  // not reached: ERREXIT1 jumps away
  }
  std::memcpy(grown, output.bytes.get(), output.capacity);
  output.bytes.reset(grown);
  output.manager.next_output_byte = grown + output.capacity;
  output.manager.free_in_buffer = output.capacity;
  output.capacity *= 2;
  return TRUE;
}

void finish_output(j_compress_ptr /*jpeg*/) {}

struct McuRow {
  std::array<JSAMPROW, kLumaRows> luma;
  std::array<JSAMPROW, kChromaRows> cb;
  std::array<JSAMPROW, kChromaRows> cr;
};

template <size_t N>
void point_at(const Plane& plane, int first_row, std::array<JSAMPROW, N>& rows) noexcept {
  // libjpeg's interface has no const; it does not write to what it compresses.
  for (size_t i = 0; i < N; ++i) rows[i] = const_cast<JSAMPROW>(plane.row(first_row + static_cast<int>(i)));
}

}  // namespace

struct TurboEncoder::State {
  jpeg_compress_struct jpeg{};
  ErrorHandler error{};
  TurboMemory pool;
  Output output{{}, std::make_unique<uint8_t[]>(kFirstOutputBytes), kFirstOutputBytes};
  int quality = 0;

  State() {
    jpeg.err = jpeg_std_error(&error.manager);
    error.manager.error_exit = on_error;
    error.manager.output_message = on_message;
    if (setjmp(error.escape) != 0) throw std::bad_alloc();
    jpeg_create_compress(&jpeg);
    pool.serve(reinterpret_cast<j_common_ptr>(&jpeg));
    output.manager.init_destination = start_output;
    output.manager.empty_output_buffer = grow_output;
    output.manager.term_destination = finish_output;
    jpeg.dest = &output.manager;
    set_defaults();
  }

  ~State() { jpeg_destroy_compress(&jpeg); }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void set_defaults() {
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_YCbCr;
    jpeg_set_defaults(&jpeg);  // YCbCr in JFIF, chroma halved both ways, standard Huffman tables
    jpeg.raw_data_in = TRUE;
    jpeg.dct_method = JDCT_ISLOW;
  }

  void set_quality(int wanted) {
    if (wanted == quality) return;
    quality = 0;  // until the tables are whole
    jpeg_set_quality(&jpeg, wanted, TRUE);
    quality = wanted;
  }

  void compress(const Picture& picture) {
    jpeg.image_width = static_cast<JDIMENSION>(picture.width());
    jpeg.image_height = static_cast<JDIMENSION>(picture.height());
    jpeg_start_compress(&jpeg, TRUE);
    McuRow rows;
    std::array<JSAMPARRAY, 3> planes{rows.luma.data(), rows.cb.data(), rows.cr.data()};
    for (int y = 0; y < picture.height(); y += kLumaRows) {
      point_at(picture.planes[0], y, rows.luma);
      point_at(picture.planes[1], y / 2, rows.cb);
      point_at(picture.planes[2], y / 2, rows.cr);
      jpeg_write_raw_data(&jpeg, planes.data(), kLumaRows);
    }
    jpeg_finish_compress(&jpeg);
  }
};

TurboEncoder::TurboEncoder() : state_(std::make_unique<State>()) {}

TurboEncoder::~TurboEncoder() = default;

// libjpeg leaves by longjmp: between here and there only plain data may live.
Status TurboEncoder::encode(const Picture& picture, int quality, std::span<const uint8_t>& jpeg) {
  State& state = *state_;
  if (setjmp(state.error.escape) != 0) {
    jpeg_abort_compress(&state.jpeg);
    return Status::error(std::string("JPEG encoder: ") + state.error.message.data());
  }
  state.set_quality(quality);
  state.compress(picture);
  jpeg = {state.output.bytes.get(), state.output.capacity - state.output.manager.free_in_buffer};
  return Status::ok();
}

}  // namespace stillcast::jpeg
