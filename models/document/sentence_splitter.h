// Splits running text into sentences by the rules of ICU (UAX #29) for a locale.
//
// ICU alone breaks after every full stop before a capital or a digit. Two lists hold such breaks
// back: the abbreviations that ICU's own data give for the locale (CLDR "sentence break
// suppressions") and, for English, a short list of those of scientific and formal prose.
#ifndef STRATA_MODELS_DOCUMENT_SENTENCE_SPLITTER_H_
#define STRATA_MODELS_DOCUMENT_SENTENCE_SPLITTER_H_

#include <unicode/brkiter.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/document/byte_span.h"

namespace strata::models {

// One a thread.
class SentenceSplitter {
 public:
  // INVALID_ARGUMENT: not a locale name. INTERNAL: ICU's data are missing. What a locale needs is
  // read once a process. Thread-safe.
  static absl::StatusOr<SentenceSplitter> Create(const std::string& locale);

  // Appends the sentences of `text` (UTF-8), each without white space at its ends, none empty.
  // O(bytes), some 100 MB/s.
  void Split(std::string_view text, std::vector<ByteSpan>& sentences);

 private:
  // What all splitters of a locale share.
  struct Rules {
    std::unique_ptr<const icu::BreakIterator> breaks;
    std::vector<std::string> abbreviations;  // sorted
  };
  static absl::StatusOr<std::shared_ptr<const Rules>> ReadRules(const std::string& locale);

  explicit SentenceSplitter(std::shared_ptr<const Rules> rules)
      : rules_(std::move(rules)), breaks_(rules_->breaks->clone()) {}
  bool EndsWithAbbreviation(std::string_view sentence) const;

  std::shared_ptr<const Rules> rules_;
  std::unique_ptr<icu::BreakIterator> breaks_;
};

// `text` without white space (Unicode White_Space) at its ends, as a range of it.
ByteSpan TrimWhiteSpace(std::string_view text);

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_SENTENCE_SPLITTER_H_
