#include "stillcast/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

#include "stillcast/clock.h"

namespace stillcast {

namespace {

void never_block(int fd) noexcept { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

void close_on_exec(int fd) noexcept { ::fcntl(fd, F_SETFD, ::fcntl(fd, F_GETFD) | FD_CLOEXEC); }

// Rounded up: a wait that ends too early is a wait in vain. poll() takes what is negative for ever, and an int.
int whole_ms(int64_t ns) noexcept {
  const int64_t whole = ns / kNsPerMs + (ns % kNsPerMs > 0 ? 1 : 0);
  return static_cast<int>(std::clamp<int64_t>(whole, 0, std::numeric_limits<int>::max()));
}

}  // namespace

Pipe::Pipe(Reading reading) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  read_end_ = ends[0];
  write_end_ = ends[1];
  for (const int end : ends) close_on_exec(end);
  never_block(write_end_);
  if (reading == Reading::kReturns) never_block(read_end_);
}

Pipe::~Pipe() {
  ::close(read_end_);
  ::close(write_end_);
}

void Pipe::write_one() noexcept {
  const char byte = 0;
  // A full pipe wakes the reader as well as one more byte would.
  [[maybe_unused]] const ssize_t written = ::write(write_end_, &byte, 1);
}

void Pipe::read_one() noexcept {
  char byte = 0;
  while (::read(read_end_, &byte, 1) < 0 && errno == EINTR) {
  }
}

void Pipe::read_within(int64_t timeout_ns) noexcept {
  pollfd poll_for{read_end_, POLLIN, 0};
  if (::poll(&poll_for, 1, whole_ms(timeout_ns)) <= 0) return;
  std::array<char, 64> bytes{};
  [[maybe_unused]] const ssize_t count = ::read(read_end_, bytes.data(), bytes.size());
}

}  // namespace stillcast
