// Regular expressions of a tokenizer.json, run by ICU.
//
// Source: the package uses Oniguruma with Ruby's syntax. \w \s \d \h are translated to what they
// mean there; ^ and $ stand at every line.
#ifndef STRATA_MODELS_TOKENIZER_REGEX_H_
#define STRATA_MODELS_TOKENIZER_REGEX_H_

#include <unicode/regex.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata::models {

struct Match {
  size_t begin, end;  // bytes of the text searched
};

// Immutable; FindAll is safe from many threads at once.
class Regex {
 public:
  // INVALID_ARGUMENT: what ICU says against the pattern, and where.
  static absl::StatusOr<Regex> Compile(std::string_view pattern);
  static absl::StatusOr<Regex> CompileLiteral(std::string_view text);

  // Every match from left to right, none overlapping. RESOURCE_EXHAUSTED: too much backtracking.
  absl::Status FindAll(std::string_view text, std::vector<Match>& matches) const;

 private:
  std::shared_ptr<const icu::RegexPattern> pattern_;  // none: literal_
  std::string literal_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_REGEX_H_
