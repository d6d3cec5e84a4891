// The floor: what no still can be cheaper than. One read of every byte of the source, and libjpeg-turbo's encode of a
// small picture that was scaled beforehand.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "raw_jpeg.h"

namespace stillcast::benchmarks {
namespace {

// Note [The fastest read]
// Wide loads and sums in registers. Four pages are read side by side and the next four are asked for ahead: from memory
// that is up to twice as fast as one line after the other, because a core has more misses under way. A floor that is
// easier to reach would flatter us.
constexpr size_t kPage = 4096;
constexpr size_t kStreams = 4;

// A cache line in one register or in several, by an extension that GCC and Clang share.
using Line = uint64_t __attribute__((vector_size(64)));

Line load(const uint8_t* from) {
  Line line;
  std::memcpy(&line, from, sizeof(line));
  __builtin_prefetch(from + kStreams * kPage);  // past the end it does nothing
  return line;
}

uint64_t read_all(const uint8_t* bytes, size_t count) {
  Line a{};
  Line b{};
  Line c{};
  Line d{};
  size_t at = 0;
  for (; at + kStreams * kPage <= count; at += kStreams * kPage) {
    for (const uint8_t* from = bytes + at; from < bytes + at + kPage; from += sizeof(Line)) {
      a += load(from);
      b += load(from + kPage);
      c += load(from + 2 * kPage);
      d += load(from + 3 * kPage);
    }
  }
  const Line lanes = (a + b) + (c + d);
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof(Line) / sizeof(uint64_t); ++i) sum += lanes[i];
  for (; at < count; ++at) sum += bytes[at];
  return sum;
}

void fill(PaddedPlane& plane, const uint8_t*& samples) {
  for (int row = 0; row < plane.height; ++row, samples += plane.width) {
    std::memcpy(plane.samples.data() + static_cast<size_t>(row) * static_cast<size_t>(plane.stride), samples,
                static_cast<size_t>(plane.width));
  }
  plane.pad();
}

// A picture that was scaled beforehand, in memory that the encoder reads in place.
struct SmallPicture {
  SmallPicture(int width, int height, const uint8_t* planes)
      : y(width, height), cb(width / 2, height / 2), cr(width / 2, height / 2) {
    for (PaddedPlane* plane : {&y, &cb, &cr}) fill(*plane, planes);
  }

  PaddedPlane y;
  PaddedPlane cb;
  PaddedPlane cr;
};

struct Floor {
  Floor(int width, int height, int quality) : encoder(width, height, quality) {}

  RawJpeg encoder;
  volatile uint64_t sum = 0;  // so that the read is not optimised away
};

}  // namespace
}  // namespace stillcast::benchmarks

using stillcast::benchmarks::Floor;
using stillcast::benchmarks::SmallPicture;

extern "C" {

SmallPicture* floor_picture_new(int width, int height, const uint8_t* planes) {
  return new SmallPicture(width, height, planes);
}

void floor_picture_free(SmallPicture* picture) { delete picture; }

Floor* floor_new(int width, int height, int quality) { return new Floor(width, height, quality); }

void floor_free(Floor* self) { delete self; }

void floor_read(Floor* self, const uint8_t* source, size_t bytes) {
  self->sum = stillcast::benchmarks::read_all(source, bytes);
}

// The number of bytes at `jpeg`, which are valid until the next call.
size_t floor_encode(Floor* self, const SmallPicture* picture, const uint8_t** jpeg) {
  const auto made = self->encoder.encode({&picture->y, &picture->cb, &picture->cr});
  *jpeg = made.data();
  return made.size();
}

size_t floor_still(Floor* self, const uint8_t* source, size_t bytes, const SmallPicture* picture,
                   const uint8_t** jpeg) {
  floor_read(self, source, bytes);
  return floor_encode(self, picture, jpeg);
}

}  // extern "C"
