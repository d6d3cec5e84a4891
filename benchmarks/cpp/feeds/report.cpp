#include "report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "stillcast/clock.h"

namespace stillcast::bench {

namespace {

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

void number(const char* name, double value) { std::printf(", \"%s\": %.3f", name, value); }
void number(const char* name, int64_t value) { std::printf(", \"%s\": %lld", name, static_cast<long long>(value)); }

template <size_t N>
void counts(const char* name, const std::array<std::string_view, N>& names,
            const std::array<std::atomic<uint64_t>, N>& values) {
  std::string text;
  for (size_t i = 0; i < N; ++i) {
    text += (i > 0 ? ", \"" : "\"") + std::string(names[i]) + "\": " + std::to_string(values[i].load());
  }
  std::printf(", \"%s\": {%s}", name, text.c_str());
}

void delays(const std::string& name, std::vector<double>& values_ms) {
  std::sort(values_ms.begin(), values_ms.end());
  number((name + "_p50_ms").c_str(), quantile(values_ms, 0.5));
  number((name + "_p99_ms").c_str(), quantile(values_ms, 0.99));
  number((name + "_max_ms").c_str(), values_ms.empty() ? 0.0 : values_ms.back());
}

void hosts(const std::vector<HostCost>& all) {
  HostCost sum;
  for (const HostCost& host : all) {
    sum.pushes += host.pushes;
    sum.copies += host.copies;
    sum.copying_ns += host.copying_ns;
    sum.cpu_ns += host.cpu_ns;
    sum.behind_ns = std::max(sum.behind_ns, host.behind_ns);
  }
  number("pushes", sum.pushes);
  number("copies", sum.copies);
  number("copy_us", share(sum.copying_ns, sum.copies) / 1e3);
  number("copy_cpu_s", static_cast<double>(sum.copying_ns) / 1e9);
  number("host_cpu_s", static_cast<double>(sum.cpu_ns) / 1e9);
  number("host_behind_max_ms", static_cast<double>(sum.behind_ns) / 1e6);
}

}  // namespace

void print(const Arguments& arguments, Run run, const Counters& counters) {
  const auto stills = static_cast<int64_t>(run.lateness_ms.size());
  int64_t accounted = static_cast<int64_t>(counters.tick_stills);
  for (const auto& missed : counters.missed) accounted += static_cast<int64_t>(missed);
  std::printf("{\"feeds\": %d", arguments.feeds);
  number("interval_s", arguments.interval_s);
  number("workers", int64_t{arguments.workers});
  number("slots", int64_t{arguments.slots});
  number("wall_s", static_cast<double>(run.wall_ns) / 1e9);
  number("ticks", static_cast<int64_t>(counters.ticks));
  number("stills", static_cast<int64_t>(counters.tick_stills));
  number("unaccounted", static_cast<int64_t>(counters.ticks) - accounted);
  counts("missed", kMissedNames, counters.missed);
  counts("refused", kRefusedNames, counters.refused);
  number("jpeg_bytes", share(run.jpeg_bytes, stills));
  number("timer_cores", share(run.timer_cpu_ns, run.wall_ns));
  number("worker_cores", share(run.workers_cpu_ns, run.wall_ns));
  number("still_cpu_us", share(run.timer_cpu_ns + run.workers_cpu_ns, stills) / 1e3);
  delays("lateness", run.lateness_ms);
  delays("frame_age", run.frame_age_ms);
  number("opening_us", share(run.opening_ns, arguments.feeds) / 1e3);
  number("rss_mib", static_cast<double>(run.peak_bytes - run.base_bytes) / (1 << 20));
  hosts(run.hosts);
  std::printf("}\n");
}

}  // namespace stillcast::bench
