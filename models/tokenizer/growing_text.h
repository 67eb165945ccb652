// The text of a sequence of tokens that is still growing, told in parts that never change.
#ifndef STRATA_MODELS_TOKENIZER_GROWING_TEXT_H_
#define STRATA_MODELS_TOKENIZER_GROWING_TEXT_H_

#include <string>
#include <vector>

#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// One sequence; one thread at a time. The tokenizer must outlive it.
class GrowingText {
 public:
  explicit GrowingText(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // What the text gained by these tokens. The end of a character whose bytes are not all there is
  // held back, so the parts joined are a beginning of text() at any time.
  std::string Append(const std::vector<int32_t>& ids);

  // What is left to be told; no more tokens may come.
  std::string Finish();

  const std::string& text() const { return text_; }  // of all tokens so far

 private:
  std::string Tell(size_t end);

  const Tokenizer& tokenizer_;
  std::vector<int32_t> ids_;
  std::string text_, told_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_GROWING_TEXT_H_
