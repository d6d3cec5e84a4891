#include "arguments.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>

namespace stillcast::bench {

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(2);
}

}  // namespace

Arguments parse(int argc, char** argv) {
  Arguments a;
  const std::map<std::string, std::function<void(const std::string&)>> known{
      {"--feeds", [&](const std::string& v) { a.feeds = std::stoi(v); }},
      {"--seconds", [&](const std::string& v) { a.seconds = std::stod(v); }},
      {"--interval", [&](const std::string& v) { a.interval_s = std::stod(v); }},
      {"--fps", [&](const std::string& v) { a.frames_per_s = std::stod(v); }},
      {"--workers", [&](const std::string& v) { a.workers = std::stoi(v); }},
      {"--hosts", [&](const std::string& v) { a.hosts = std::stoi(v); }},
      {"--slots", [&](const std::string& v) { a.slots = std::stoi(v); }},
      {"--width", [&](const std::string& v) { a.width = std::stoi(v); }},
      {"--height", [&](const std::string& v) { a.height = std::stoi(v); }},
      {"--pictures", [&](const std::string& v) { a.pictures = v; }},
  };
  for (int i = 1; i < argc; i += 2) {
    const auto found = known.find(argv[i]);
    if (found == known.end() || i + 1 == argc) fail(std::string(argv[i]) + ": is not known, or lacks its value");
    try {
      found->second(argv[i + 1]);
    } catch (const std::exception&) {
      fail(std::string(argv[i]) + ": " + argv[i + 1] + ": is not a number");
    }
  }
  return a;
}

}  // namespace stillcast::bench
