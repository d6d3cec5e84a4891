#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stillcast::bench {

// CPU time of threads of this process, in nanoseconds. Linux only.
[[nodiscard]] int64_t cpu_ns_of_thread(int tid) noexcept;
[[nodiscard]] int64_t cpu_ns_of_this_thread() noexcept;
[[nodiscard]] int64_t cpu_ns_of_process() noexcept;
// Threads of that name, as they are told in /proc.
[[nodiscard]] std::vector<int> threads_named(const std::string& name);
[[nodiscard]] int64_t resident_bytes();

void sleep_until_ns(int64_t monotonic_ns) noexcept;

}  // namespace stillcast::bench
