#pragma once

#include <string>

namespace stillcast::bench {

struct Arguments {
  int feeds = 1000;
  double seconds = 20;
  double interval_s = 2;
  double frames_per_s = 30;
  int workers = 2;
  int hosts = 2;  // threads that push
  int slots = 16;
  int width = 1920;
  int height = 1080;
  std::string pictures;  // raw I420 file; none makes pictures of its own
};

// Of "--name value" pairs; ends the program with a message for what is wrong.
[[nodiscard]] Arguments parse(int argc, char** argv);

}  // namespace stillcast::bench
