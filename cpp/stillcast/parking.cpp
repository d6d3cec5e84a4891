#include "stillcast/parking.h"

namespace stillcast {

void Parking::lie_down() noexcept {
  // SYNC POINT parking.asleep: in the one order of this, ready.head and the load in take_sleeper(): Note [No work is
  // slept over].
  asleep_.fetch_add(1, std::memory_order_seq_cst);
}

void Parking::stay() noexcept {
  if (!take_sleeper()) pipe_.read_one();  // somebody woke it meanwhile: the byte is its own
}

void Parking::sleep() noexcept { pipe_.read_one(); }

void Parking::wake_one() noexcept {
  if (take_sleeper()) pipe_.write_one();
}

void Parking::wake_all(int workers) noexcept {
  for (int i = 0; i < workers; ++i) pipe_.write_one();
}

bool Parking::take_sleeper() noexcept {
  // SYNC POINT parking.asleep: see lie_down().
  int asleep = asleep_.load(std::memory_order_seq_cst);
  while (asleep > 0) {
    if (asleep_.compare_exchange_weak(asleep, asleep - 1, std::memory_order_seq_cst)) return true;
  }
  return false;
}

}  // namespace stillcast
