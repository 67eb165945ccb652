#include "models/tokenizer/unigram.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/tokenizer/byte_trie.h"
#include "models/tokenizer/utf8.h"

namespace strata::models {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the worst piece

class Unigram : public Model {
 public:
  Unigram(Vocabulary vocabulary, ByteTrie trie, std::vector<double> scores,
          std::optional<int32_t> unk_id, bool byte_fallback)
      : vocabulary_(std::move(vocabulary)),
        trie_(std::move(trie)),
        scores_(std::move(scores)),
        unk_id_(unk_id),
        byte_fallback_(byte_fallback) {
    double lowest = std::numeric_limits<double>::infinity();
    for (const double score : scores_) lowest = std::min(lowest, score);
    unknown_score_ = lowest - kUnknownPenalty;
    for (size_t byte = 0; byte < bytes_.size(); ++byte) {
      bytes_[byte] =
          vocabulary_.Find(absl::StrFormat("<0x%02X>", static_cast<unsigned>(byte))).value_or(-1);
    }
  }

  absl::Status Tokenize(std::string_view word, std::vector<ModelToken>& tokens) const override {
    static thread_local std::vector<Step> best;
    best.assign(word.size() + 1, Step{});
    absl::Status status = FindBest(word, best);
    if (status.ok()) status = FollowBack(word, best, tokens);
    if (best.capacity() > (1 << 16)) std::vector<Step>().swap(best);
    return status;
  }

  std::string_view kind() const override { return "unigram"; }
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  // The best way to reach a byte: its score, and the piece that ends there.
  struct Step {
    double score = 0;
    int32_t id = -1;
    int32_t begin = -1;  // -1: not reached yet
  };

  static void Offer(double score, int32_t id, size_t begin, Step& step) {
    if (step.begin < 0 || score > step.score) step = {score, id, static_cast<int32_t>(begin)};
  }

  absl::Status FindBest(std::string_view word, std::vector<Step>& best) const {
    for (size_t begin = 0; begin < word.size();) {
      const double reached = best[begin].score;
      const size_t next = begin + static_cast<size_t>(Utf8Length(word[begin]));
      bool has_single = false;
      uint32_t node = ByteTrie::kRoot;
      for (size_t i = begin; i < word.size() && trie_.Step(node, word[i]); ++i) {
        const int32_t id = trie_.Value(node);
        if (id < 0) continue;
        Offer(reached + scores_[static_cast<size_t>(id)], id, begin, best[i + 1]);
        has_single = has_single || i + 1 == next;
      }
      if (!has_single) {
        if (!unk_id_.has_value()) return NoUnknown();
        Offer(reached + unknown_score_, *unk_id_, begin, best[next]);
      }
      begin = next;
    }
    return absl::OkStatus();
  }

  // Reads the best path from its end; neighbouring unknown pieces become one.
  absl::Status FollowBack(std::string_view word, const std::vector<Step>& best,
                          std::vector<ModelToken>& tokens) const {
    const size_t first = tokens.size();
    for (size_t end = word.size(); end > 0;) {
      const Step& step = best[end];
      size_t begin = static_cast<size_t>(step.begin);
      if (step.id != unk_id_) {
        tokens.push_back({step.id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
        end = begin;
        continue;
      }
      while (begin > 0 && best[begin].id == unk_id_) begin = static_cast<size_t>(best[begin].begin);
      PushUnknown(word.substr(begin, end - begin), begin, tokens);
      end = begin;
    }
    std::reverse(tokens.begin() + static_cast<ptrdiff_t>(first), tokens.end());
    return absl::OkStatus();
  }

  // Pushes from the last to the first, as FollowBack goes.
  void PushUnknown(std::string_view piece, size_t begin, std::vector<ModelToken>& tokens) const {
    ModelToken token = {*unk_id_, static_cast<uint32_t>(begin),
                        static_cast<uint32_t>(begin + piece.size())};
    // Characters unknown one by one may be a piece together.
    const std::optional<int32_t> whole = vocabulary_.Find(piece);
    const bool all_bytes =
        byte_fallback_ && std::all_of(piece.begin(), piece.end(), [&](char byte) {
          return bytes_[static_cast<unsigned char>(byte)] >= 0;
        });
    if (whole.has_value() || !all_bytes) {
      token.id = whole.value_or(*unk_id_);
      tokens.push_back(token);
      return;
    }
    for (auto byte = piece.rbegin(); byte != piece.rend(); ++byte) {
      token.id = bytes_[static_cast<unsigned char>(*byte)];
      tokens.push_back(token);
    }
  }

  static absl::Status NoUnknown() {
    return absl::FailedPreconditionError(
        "model.unk_id: there is none, and the text has an unknown character");
  }

  const Vocabulary vocabulary_;
  const ByteTrie trie_;
  const std::vector<double> scores_;  // by id
  const std::optional<int32_t> unk_id_;
  const bool byte_fallback_;
  double unknown_score_;
  std::array<int32_t, 256> bytes_;  // tokens "<0x00>" …, -1: none
};

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> ParseUnigram(const JsonField& field) {
  const JsonField list = field.At("vocab");
  if (!list.value().is_array()) return list.Error("must be a list of [piece, score]");
  Vocabulary vocabulary;
  std::vector<double> scores;
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (size_t i = 0; i < list.value().size(); ++i) {
    const JsonField entry = list.At(i);
    const nlohmann::json& pair = entry.value();
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number()) {
      return entry.Error("must be [piece, score]");
    }
    const std::string& piece = pair[0].get_ref<const std::string&>();
    const absl::Status status = vocabulary.Add(piece, static_cast<int64_t>(i));
    if (!status.ok()) return entry.Error(std::string(status.message()));
    scores.push_back(pair[1].get<double>());
    if (!piece.empty()) entries.emplace_back(piece, static_cast<int32_t>(i));
  }
  std::optional<int32_t> unk_id;
  if (const JsonField unk = field.At("unk_id"); !unk.is_null()) {
    if (scores.empty()) return list.Error("is empty, but model.unk_id names a piece of it");
    const absl::StatusOr<int64_t> id = unk.Integer(0, static_cast<int64_t>(scores.size()) - 1);
    if (!id.ok()) return id.status();
    unk_id = static_cast<int32_t>(*id);
  }
  const absl::StatusOr<bool> byte_fallback = field.At("byte_fallback").Bool(false);
  if (!byte_fallback.ok()) return byte_fallback.status();
  return std::make_unique<Unigram>(std::move(vocabulary), ByteTrie(std::move(entries)),
                                   std::move(scores), unk_id, *byte_fallback);
}

}  // namespace strata::models
