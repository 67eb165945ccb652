// Runs a fuzz target without a fuzzer: its seeds, every seed cut off at many places, and mutants of
// a fixed seed; or the files that are named, to look at a finding.
//
//   fuzz_NAME [FILE...]
//
// Where the program is ended by an input, that input is in the file fuzz_finding.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {
namespace {

constexpr int kMutants = 2'000;  // over all seeds
constexpr size_t kCuts = 64;     // of a seed

std::string_view running;

void SaveFinding(int signal) {
  const int file = ::open("fuzz_finding", O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) {
    (void)!::write(file, running.data(), running.size());
    ::close(file);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void Try(std::string_view input) {
  running = input;
  Run(input);
}

std::string Mutant(std::string bytes, const std::vector<std::string>& seeds, std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const size_t num_changes = 1 + below(4);
  for (size_t i = 0; i < num_changes && !bytes.empty(); ++i) {
    const size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 2:  // a number at its limits, as sizes and offsets are
        for (size_t k = at; k < std::min(at + 4, bytes.size()); ++k) {
          bytes[k] = static_cast<char>(0xff);
        }
        break;
      case 3:
        bytes.erase(at, 1 + below(16));
        break;
      case 4:
        bytes.insert(at, bytes.substr(below(bytes.size()), 1 + below(16)));
        break;
      default: {  // one seed's head, another's tail
        const std::string& other = seeds[below(seeds.size())];
        if (!other.empty()) bytes = bytes.substr(0, at) + other.substr(below(other.size()));
      }
    }
  }
  return bytes;
}

int Main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "%s: cannot be read\n", argv[i]);
      return 1;
    }
    Run(std::string(std::istreambuf_iterator<char>(file), {}));
    std::printf("%s: survived\n", argv[i]);
  }
  if (argc > 1) return 0;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, SaveFinding);
  const std::vector<std::string> seeds = Seeds();
  size_t num_runs = 0;
  for (const std::string& seed : seeds) {
    for (size_t cut = 0; cut <= kCuts; ++cut, ++num_runs) {
      Try(std::string_view(seed).substr(0, seed.size() * cut / kCuts));
    }
  }
  std::mt19937 random(20241124);
  for (int i = 0; i < kMutants; ++i, ++num_runs) {
    Try(Mutant(seeds[random() % seeds.size()], seeds, random));
  }
  std::printf("%zu inputs survived\n", num_runs);
  return 0;
}

}  // namespace
}  // namespace strata::fuzz

int main(int argc, char** argv) { return strata::fuzz::Main(argc, argv); }
