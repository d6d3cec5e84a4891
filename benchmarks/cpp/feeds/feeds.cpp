// Many feeds in one process: threads of a host push real pictures at the rate of video, a still is made of each feed
// every few seconds. Prints one JSON object; benchmarks/feeds.py calls it and writes the report.

#include <algorithm>
#include <future>
#include <thread>

#include "arguments.h"
#include "host.h"
#include "machine.h"
#include "report.h"
#include "stillcast/sampler.h"

namespace stillcast::bench {

namespace {

using Feeds = std::vector<std::shared_ptr<Feed>>;

// Takes stills as the agent would, and lets go of them: each feed keeps its last.
void collect(StillQueue& stills, Run& run) {
  while (const CapturedStillPtr still = stills.take(std::chrono::hours(1))) {
    if (!still->tick) continue;
    run.lateness_ms.push_back(still->lateness_ms);
    run.frame_age_ms.push_back(still->frame_age_ms);
    run.jpeg_bytes += static_cast<int64_t>(still->still.jpeg.size());
  }
}

Feeds open(Sampler& sampler, const Arguments& arguments, Run& run) {
  const SystemClock clock;
  const int64_t begin_ns = clock.monotonic_ns();
  Feeds feeds;
  for (int i = 0; i < arguments.feeds; ++i) {
    feeds.push_back(sampler.open_feed({static_cast<int64_t>(arguments.interval_s * 1e9), {}}));
  }
  run.opening_ns = clock.monotonic_ns() - begin_ns;
  return feeds;
}

int64_t cpu_ns_of(const std::string& name) {
  int64_t sum_ns = 0;
  for (const int tid : threads_named(name)) sum_ns += cpu_ns_of_thread(tid);
  return sum_ns;
}

std::vector<std::future<HostCost>> start_hosts(const Feeds& feeds, const Pictures& pictures, const Arguments& arguments,
                                               const std::atomic<bool>& over) {
  std::vector<std::future<HostCost>> hosts;
  const auto count = static_cast<size_t>(std::max(1, arguments.hosts));
  for (size_t h = 0; h < count; ++h) {
    Feeds own;
    for (size_t i = h; i < feeds.size(); i += count) own.push_back(feeds[i]);
    const auto interval_ns = static_cast<int64_t>(1e9 / arguments.frames_per_s);
    hosts.push_back(std::async(std::launch::async, [own = std::move(own), &pictures, interval_ns, &over] {
      return push_frames(own, pictures, interval_ns, over);
    }));
  }
  return hosts;
}

void watch(const Arguments& arguments, Run& run) {
  const SystemClock clock;
  const int64_t begin_ns = clock.monotonic_ns();
  const int64_t end_ns = begin_ns + static_cast<int64_t>(arguments.seconds * 1e9);
  for (int64_t at_ns = begin_ns; at_ns < end_ns; at_ns += kNsPerSecond / 2) {
    sleep_until_ns(std::min(at_ns + kNsPerSecond / 2, end_ns));
    run.peak_bytes = std::max(run.peak_bytes, resident_bytes());
  }
  run.timer_cpu_ns = cpu_ns_of("stillcast-timer");
  run.workers_cpu_ns = cpu_ns_of("stillcast-still");
  run.wall_ns = clock.monotonic_ns() - begin_ns;
}

void measure(const Arguments& arguments) {
  const Pictures pictures(arguments.width, arguments.height, arguments.pictures);
  Run run;
  run.base_bytes = resident_bytes();
  Sampler sampler(std::make_shared<SystemClock>(), {.workers = arguments.workers, .slots = arguments.slots});
  sampler.start();
  std::thread collector([&] { collect(sampler.stills(), run); });
  std::atomic<bool> over{false};
  const Feeds feeds = open(sampler, arguments, run);
  auto hosts = start_hosts(feeds, pictures, arguments, over);
  watch(arguments, run);
  over = true;
  for (auto& host : hosts) run.hosts.push_back(host.get());
  sampler.stop();
  collector.join();
  print(arguments, std::move(run), sampler.counters());
}

}  // namespace

}  // namespace stillcast::bench

int main(int argc, char** argv) {
  stillcast::bench::measure(stillcast::bench::parse(argc, argv));
  return 0;
}
