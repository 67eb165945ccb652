// One door through which bytes come in from outside. Each *_fuzz.cc defines both functions; two
// drivers call them: replay_main.cc (a test: fixed seed, any compiler) and fuzzer_main.cc
// (libFuzzer, scripts/fuzz).
#ifndef STRATA_TESTS_FUZZ_FUZZ_TARGET_H_
#define STRATA_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace strata::fuzz {

// Well-formed inputs to begin with.
std::vector<std::string> Seeds();

// Gives `input` to the door. Returns, whatever it is; ends the program where a promise is broken.
void Run(std::string_view input);

inline void Require(bool kept, const char* promise) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

// `broken` names the broken promise; empty if all are kept.
inline void Require(const std::string& broken) { Require(broken.empty(), broken.c_str()); }

// Splits off the first byte, the choice among `num_choices` ways in.
inline size_t TakeChoice(std::string_view& input, size_t num_choices) {
  if (input.empty()) return 0;
  const auto choice = static_cast<unsigned char>(input[0]) % num_choices;
  input.remove_prefix(1);
  return choice;
}

// What TakeChoice takes apart.
inline std::string WithChoice(size_t choice, std::string_view input) {
  return std::string(1, static_cast<char>(choice)).append(input);
}

}  // namespace strata::fuzz

#endif  // STRATA_TESTS_FUZZ_FUZZ_TARGET_H_
