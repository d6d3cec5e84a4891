#pragma once

#include <memory>

#include "stillcast/feed.h"
#include "stillcast/outbox.h"
#include "stillcast/still_maker.h"
#include "stillcast/ticker.h"

namespace stillcast {

// Makes stills of the feeds whose frames have come. One a thread.
class Worker {
 public:
  Worker(std::shared_ptr<Intake> intake, Ticker& ticker, Outbox& outbox, EncoderChoice encoder);

  // Serves the feed that has waited longest; false if there is none.
  bool serve_one();
  // The same, but sleeps when there is none, until it is woken.
  void serve_one_or_sleep();
  // Lets go of a feed that is closed: none of its ticks or frames becomes a still any more.
  void retire(Feed& feed) noexcept;

 private:
  void serve(Feed& feed);
  void make_still(Feed& feed, const Due& due, const Slot& slot) noexcept;
  [[nodiscard]] std::shared_ptr<CapturedStill> capture(Feed& feed, const Due& due, const Slot& slot);

  const std::shared_ptr<Intake> intake_;
  Ticker& ticker_;
  Outbox& outbox_;
  StillMaker maker_;
};

}  // namespace stillcast
