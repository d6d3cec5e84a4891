#include "host.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "machine.h"
#include "stillcast/clock.h"

namespace stillcast::bench {

namespace {

constexpr int64_t kNapNs = 500'000;  // a host wakes for several feeds at once

FrameView i420(const uint8_t* bytes, int width, int height) {
  FrameView frame;
  frame.width = width;
  frame.height = height;
  frame.matrix = default_matrix(height);
  const FormatInfo& info = format_info(frame.format);
  for (int p = 0; p < info.planes; ++p) {
    const int row_bytes = info.row_bytes(p, width);
    const int rows = info.rows(p, height);
    frame.planes[static_cast<size_t>(p)] = {bytes, row_bytes, row_bytes, rows};
    bytes += static_cast<ptrdiff_t>(row_bytes) * rows;
  }
  return frame;
}

// Something with edges, areas and a little noise, so that its JPEG is about as long as a real one's.
void make_up(std::vector<uint8_t>& bytes, int width, uint32_t seed) {
  std::minstd_rand random(seed);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t x = i % static_cast<size_t>(width);
    const size_t y = i / static_cast<size_t>(width);
    bytes[i] =
        static_cast<uint8_t>(60 + (x / 7 + y / 5 + seed * 31) % 90 + 40 * ((x / 64 + y / 48) % 2) + random() % 9);
  }
}

// Pushes one frame of one feed; the clock of the thread's CPU is read only where it is copied.
void push(Feed& feed, const FrameView& frame, HostCost& cost) {
  ++cost.pushes;
  if (!feed.wanted()) {
    feed.push(frame);
    return;
  }
  const int64_t before_ns = cpu_ns_of_this_thread();
  if (!feed.push(frame)) return;
  cost.copying_ns += cpu_ns_of_this_thread() - before_ns;
  ++cost.copies;
}

}  // namespace

Pictures::Pictures(int width, int height, const std::string& path) {
  const auto pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  const size_t size = pixels + 2 * ((static_cast<size_t>(width) + 1) / 2) * ((static_cast<size_t>(height) + 1) / 2);
  std::ifstream file(path, std::ios::binary);
  for (int i = 0; i < kMost; ++i) {
    std::vector<uint8_t> bytes(size);
    if (path.empty()) {
      make_up(bytes, width, static_cast<uint32_t>(i));
    } else if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
      break;
    }
    bytes_.push_back(std::move(bytes));
    add(width, height);
  }
  if (views_.empty()) {
    std::fprintf(stderr, "%s: holds no whole picture of this size\n", path.c_str());
    std::exit(2);
  }
}

void Pictures::add(int width, int height) { views_.push_back(i420(bytes_.back().data(), width, height)); }

HostCost push_frames(const std::vector<std::shared_ptr<Feed>>& feeds, const Pictures& pictures,
                     int64_t frame_interval_ns, const std::atomic<bool>& over) {
  HostCost cost;
  if (feeds.empty()) return cost;
  const SystemClock clock;
  const auto count = static_cast<int64_t>(feeds.size());
  const int64_t begin_ns = clock.monotonic_ns();
  for (int64_t n = 0; !over.load(std::memory_order_relaxed); ++n) {
    const int64_t due_ns = begin_ns + n / count * frame_interval_ns + n % count * frame_interval_ns / count;
    int64_t now_ns = clock.monotonic_ns();
    if (now_ns < due_ns) {
      sleep_until_ns(std::max(due_ns, now_ns + kNapNs));
      now_ns = clock.monotonic_ns();
    }
    cost.behind_ns = std::max(cost.behind_ns, now_ns - due_ns);
    push(*feeds[static_cast<size_t>(n % count)], pictures[static_cast<size_t>(n)], cost);
  }
  cost.cpu_ns = cpu_ns_of_this_thread();
  return cost;
}

}  // namespace stillcast::bench
