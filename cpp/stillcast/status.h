#pragma once

#include <string>
#include <utility>

namespace stillcast {

// What can be expected to fail returns one of these. The message names the thing, its value and the way out.
class [[nodiscard]] Status {
 public:
  static Status ok() noexcept { return Status(); }
  static Status error(std::string message) { return Status(std::move(message)); }

  [[nodiscard]] bool is_ok() const noexcept { return message_.empty(); }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

 private:
  Status() noexcept = default;
  explicit Status(std::string message) : message_(std::move(message)) {}

  std::string message_;
};

}  // namespace stillcast
