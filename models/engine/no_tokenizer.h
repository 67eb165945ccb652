// Stands where a text model has its tokenizer.
#ifndef STRATA_MODELS_ENGINE_NO_TOKENIZER_H_
#define STRATA_MODELS_ENGINE_NO_TOKENIZER_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// `reads`: what the model takes instead of text, "images".
class NoTokenizer : public Tokenizer {
 public:
  explicit NoTokenizer(std::string reads) : reads_(std::move(reads)) {}

  absl::Status Encode(std::string_view, Encoding&) const override {
    return absl::UnimplementedError(
        absl::StrCat("this model reads ", reads_, "; it has no tokenizer"));
  }
  int32_t vocab_size() const override { return 0; }
  std::optional<int32_t> TokenToId(std::string_view) const override { return std::nullopt; }
  std::string IdToToken(int32_t) const override { return ""; }
  std::string Decode(const std::vector<int32_t>&) const override { return ""; }
  std::string_view kind() const override { return "none"; }

 private:
  const std::string reads_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_NO_TOKENIZER_H_
