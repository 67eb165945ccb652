#include "models/tokenizer/sentencepiece_tokenizer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/sentencepiece_bridge.h"
#include "models/tokenizer/utf8.h"

namespace strata::models {
namespace {

class SentencePieceTokenizer : public Tokenizer {
 public:
  absl::Status Load(const std::string& model, const std::string& name) {
    const std::string error = model_.LoadSerialized(model);
    if (!error.empty() || model_.num_pieces() <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": not a SentencePiece model: ", error.empty() ? "no pieces" : error));
    }
    return absl::OkStatus();
  }

  absl::Status Encode(std::string_view text, Encoding& encoding) const override {
    encoding.ids.clear();
    encoding.offsets.clear();
    if (const size_t bad = FirstInvalidUtf8(text); bad != text.size()) {
      return absl::InvalidArgumentError(absl::StrCat("text is not UTF-8 at byte ", bad));
    }
    const std::string error = model_.Encode(text, [&](int32_t id, uint32_t begin, uint32_t end) {
      encoding.ids.push_back(id);
      encoding.offsets.push_back({begin, end});
    });
    if (!error.empty()) return absl::InternalError(absl::StrCat("SentencePiece: ", error));
    return absl::OkStatus();
  }

  std::string Decode(const std::vector<int32_t>& ids) const override {
    std::vector<int> known;
    for (int32_t id : ids) {
      if (id >= 0 && id < model_.num_pieces()) known.push_back(id);
    }
    std::string text;
    // The library fails on ids outside the vocabulary only.
    if (!model_.Decode(known, text).empty()) text.clear();
    return text;
  }

  int32_t vocab_size() const override { return model_.num_pieces(); }

  std::optional<int32_t> TokenToId(std::string_view token) const override {
    const int id = model_.PieceToId(token);
    // The library answers with the unknown piece for all it does not know.
    if (id < 0 || id >= model_.num_pieces() || model_.IdToPiece(id) != token) return std::nullopt;
    return id;
  }

  std::string IdToToken(int32_t id) const override {
    return id < 0 || id >= model_.num_pieces() ? std::string() : model_.IdToPiece(id);
  }

  std::string_view kind() const override { return "sentencepiece"; }

 private:
  SentencePieceModel model_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeSentencePieceTokenizer(const std::string& model,
                                                                      const std::string& name) {
  auto tokenizer = std::make_unique<SentencePieceTokenizer>();
  if (absl::Status status = tokenizer->Load(model, name); !status.ok()) return status;
  return tokenizer;
}

}  // namespace strata::models
