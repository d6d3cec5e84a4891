#include "machine.h"

#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "stillcast/clock.h"

namespace stillcast::bench {

namespace {

int64_t read_ns(clockid_t clock) noexcept {
  timespec time{};
  ::clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * kNsPerSecond + time.tv_nsec;
}

}  // namespace

// The clock of a thread by its number, as the kernel codes it (include/linux/posix-timers.h).
int64_t cpu_ns_of_thread(int tid) noexcept {
  constexpr unsigned kThreadsSchedulerClock = 6;
  return read_ns(static_cast<clockid_t>(~static_cast<unsigned>(tid) << 3U | kThreadsSchedulerClock));
}

int64_t cpu_ns_of_this_thread() noexcept { return read_ns(CLOCK_THREAD_CPUTIME_ID); }

int64_t cpu_ns_of_process() noexcept { return read_ns(CLOCK_PROCESS_CPUTIME_ID); }

std::vector<int> threads_named(const std::string& name) {
  std::vector<int> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string comm;
    std::getline(std::ifstream(task.path() / "comm"), comm);
    if (comm == name) found.push_back(std::stoi(task.path().filename()));
  }
  return found;
}

int64_t resident_bytes() {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * ::sysconf(_SC_PAGESIZE);
}

void sleep_until_ns(int64_t monotonic_ns) noexcept {
  const timespec until{monotonic_ns / kNsPerSecond, monotonic_ns % kNsPerSecond};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

}  // namespace stillcast::bench
