#include "services/runtime/testing/null_engine.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace strata::runtime::testing {
namespace {

using models::AnchoredSequence;
using models::ByteSpan;
using models::DocumentTree;
using models::EmbeddingLevel;
using models::Encoding;
using models::Node;
using models::NodeKind;
using models::PreparedDocument;
using models::Task;
using models::TaskRequest;
using models::TaskResult;
using models::TokenRole;
using models::WorkItem;

constexpr int32_t kVocabSize = 1000;

uint64_t Hash(std::string_view text) {  // FNV-1a
  uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

bool IsText(const Node& node) {
  return node.kind == NodeKind::kSentence || node.kind == NodeKind::kHeading;
}

class NullTokenizer : public models::Tokenizer {
 public:
  absl::Status Encode(std::string_view text, Encoding& encoding) const override {
    encoding.ids.clear();
    encoding.offsets.clear();
    for (size_t begin = 0; begin < text.size();) {
      if (absl::ascii_isspace(static_cast<unsigned char>(text[begin]))) {
        ++begin;
        continue;
      }
      size_t end = begin;
      while (end < text.size() && !absl::ascii_isspace(static_cast<unsigned char>(text[end]))) {
        ++end;
      }
      encoding.ids.push_back(static_cast<int32_t>(Hash(text.substr(begin, end - begin)) %
                                                  static_cast<uint64_t>(kVocabSize)));
      encoding.offsets.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end)});
      begin = end;
    }
    return absl::OkStatus();
  }
  std::string Decode(const std::vector<int32_t>& ids) const override {
    std::string text;
    for (int32_t id : ids) absl::StrAppend(&text, text.empty() ? "" : " ", IdToToken(id));
    return text;
  }
  int32_t vocab_size() const override { return kVocabSize; }
  std::optional<int32_t> TokenToId(std::string_view) const override { return std::nullopt; }
  std::string IdToToken(int32_t id) const override { return absl::StrCat("piece", id); }
  std::string_view kind() const override { return "null"; }
};

class NullSound : public models::SoundSession {
 public:
  explicit NullSound(std::shared_ptr<models::ByteFeed> feed) : feed_(std::move(feed)) {}

  absl::StatusOr<std::optional<PreparedDocument>> Next() override {
    if (feed_ != nullptr) {
      const bool closed = feed_->closed();
      feed_->DropBefore(feed_->size());
      if (!closed) return std::nullopt;
      if (!feed_->status().ok()) return feed_->status();
    }
    PreparedDocument pass;
    auto sound = std::make_shared<models::PreparedSound>();
    sound->windows.emplace_back().samples.resize(320);
    pass.sound = std::move(sound);
    return pass;
  }
  bool last() const override { return true; }
  absl::Status Take(const models::PreparedSound& /*pass*/, const TaskResult& answer) override {
    answer_ = answer;
    return absl::OkStatus();
  }
  std::vector<models::HeardEvent> TakeEvents() override { return {}; }
  TaskResult Finish() override { return answer_; }

 private:
  const std::shared_ptr<models::ByteFeed> feed_;  // null: all of it is there
  TaskResult answer_;
};

class NullEngine : public models::Engine {
 public:
  explicit NullEngine(NullEngineOptions options) : options_(std::move(options)) {
    info_.input = options_.input;
    info_.architecture = "NullEngine";
    info_.model_type = "null";
    info_.tokenizer = "null";
    info_.tasks = {Task::kClassify, Task::kEmbed, Task::kSummarize, Task::kMatch};
    info_.labels = {"alpha", "beta", "gamma"};
    info_.label_level = options_.label_level;
    info_.hidden_size = options_.hidden_size;
    info_.weight_bytes = options_.weight_bytes;
    info_.num_layers = options_.num_layers;
    info_.vocab_size = kVocabSize;
  }

  const models::ModelInfo& info() const override { return info_; }
  const models::Tokenizer& tokenizer() const override { return tokenizer_; }

  absl::Status Check(const TaskRequest& request) const override {
    if (request.top_k < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("top_k is ", request.top_k, "; give 0 or more"));
    }
    if (request.task == Task::kEmbed && request.levels.empty()) {
      return absl::InvalidArgumentError("no level is given; name one or more");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<PreparedDocument> Prepare(DocumentTree tree,
                                           const models::PrepareOptions& options) const override {
    PreparedDocument prepared;
    AnchoredSequence& sequence = prepared.sequence;
    const auto add = [&](int32_t id, TokenRole role, int32_t node, ByteSpan span) {
      sequence.Append(id, role, sequence.num_tokens() == 0 ? -1 : 0, {0, 0, 0}, node, span);
    };
    add(0, TokenRole::kDocumentAnchor, 0, tree.nodes()[0].text);
    Encoding encoding;
    for (size_t n = 0; n < tree.nodes().size(); ++n) {
      const Node& node = tree.nodes()[n];
      if (!IsText(node)) continue;
      if (absl::Status status = tokenizer_.Encode(tree.TextOf(node), encoding); !status.ok()) {
        return status;
      }
      for (size_t t = 0; t < encoding.ids.size(); ++t) {
        ++sequence.num_words_seen;
        if (options.max_tokens > 0 && sequence.num_tokens() >= options.max_tokens) continue;
        const ByteSpan offset = encoding.offsets[t];
        add(encoding.ids[t], TokenRole::kWord, static_cast<int32_t>(n),
            {node.text.begin + offset.begin, node.text.begin + offset.end});
      }
    }
    sequence.num_words_kept = sequence.num_tokens() - 1;
    if (sequence.num_words_kept < sequence.num_words_seen &&
        options.truncation == models::Truncation::kReject) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the document has ", sequence.num_words_seen + 1, " tokens; max_tokens is ",
                       options.max_tokens));
    }
    prepared.tree = std::move(tree);
    return prepared;
  }

  absl::StatusOr<std::unique_ptr<models::SoundSession>> OpenSound(
      std::string /*bytes*/, std::shared_ptr<models::ByteFeed> feed,
      const models::AudioReadOptions& /*options*/, const TaskRequest& /*request*/) const override {
    return std::make_unique<NullSound>(std::move(feed));
  }

  absl::StatusOr<std::vector<TaskResult>> Run(
      absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const override {
    if (options_.on_run) options_.on_run(batch);
    for (int32_t layer = 0; layer < options_.num_layers; ++layer) {
      if (cancelled && cancelled()) return absl::CancelledError("nobody waits for the answer");
      if (options_.layer_time > absl::ZeroDuration()) absl::SleepFor(options_.layer_time);
    }
    std::vector<TaskResult> results;
    for (const WorkItem& item : batch) results.push_back(Answer(item));
    return results;
  }

 private:
  TaskResult Answer(const WorkItem& item) const {
    const DocumentTree& tree = item.document->tree;
    const AnchoredSequence& sequence = item.document->sequence;
    if (tree.text().find("throw-this") != std::string::npos) throw std::bad_alloc();
    TaskResult result;
    if (tree.text().find("fail-this") != std::string::npos) {
      result.status = absl::InternalError("the document asked for a failure");
      return result;
    }
    result.tokens.num_tokens = sequence.num_tokens();
    result.tokens.num_words_seen = sequence.num_words_seen;
    result.tokens.num_words_kept = sequence.num_words_kept;
    if (sequence.num_tokens() > 1) {
      result.tokens.source_kept =
          tree.ToSource({sequence.spans[1].begin,
                         sequence.spans[static_cast<size_t>(sequence.num_tokens() - 1)].end});
    }
    if (item.request.task == Task::kClassify) {
      Classify(item.request, tree, result);
    } else if (item.request.task == Task::kSummarize) {
      Summarize(item, result);
    } else if (item.request.task == Task::kMatch) {
      TaskRequest vectors;
      vectors.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSentence};
      Embed(vectors, tree, sequence, result);
    } else {
      Embed(item.request, tree, sequence, result);
    }
    return result;
  }

  void Classify(const TaskRequest& request, const DocumentTree& tree, TaskResult& result) const {
    const uint64_t hash = Hash(tree.text());
    double sum = 0;
    for (size_t c = 0; c < info_.labels.size(); ++c) {
      const double logit = static_cast<double>((hash >> (8 * c)) & 0xff) / 64.0;
      result.labels.push_back(
          {info_.labels[c], static_cast<float>(std::exp(logit)), static_cast<float>(logit)});
      sum += std::exp(logit);
    }
    for (models::LabelScore& score : result.labels) {
      score.probability = static_cast<float>(score.probability / sum);
    }
    std::stable_sort(result.labels.begin(), result.labels.end(),
                     [](const auto& a, const auto& b) { return a.logit > b.logit; });
    if (request.top_k > 0 && static_cast<size_t>(request.top_k) < result.labels.size()) {
      result.labels.resize(static_cast<size_t>(request.top_k));
    }
    if (info_.label_level != NodeKind::kDocument) {
      LabelNodes(tree, result);
      return;
    }
    if (!request.explain) return;
    for (size_t n = 0; n < tree.nodes().size(); ++n) {
      const Node& node = tree.nodes()[n];
      if (!IsText(node) && node.kind != NodeKind::kSection) continue;
      models::NodeContribution contribution;
      contribution.node = static_cast<int32_t>(n);
      contribution.kind = node.kind;
      contribution.source = node.source;
      if (IsText(node)) contribution.text = std::string(tree.TextOf(node));
      contribution.contribution = static_cast<float>(Hash(tree.TextOf(node)) % 100) / 100;
      (IsText(node) ? result.sentences : result.sections).push_back(std::move(contribution));
    }
    for (models::NodeContribution& sentence : result.sentences) {
      sentence.weight = 1.0f / static_cast<float>(result.sentences.size());
    }
  }

  void LabelNodes(const DocumentTree& tree, TaskResult& result) const {
    for (size_t n = 0; n < tree.nodes().size(); ++n) {
      const Node& node = tree.nodes()[n];
      if (node.kind != info_.label_level) continue;
      const std::string text(tree.TextOf(node));
      const size_t best = text.size() % 2;
      result.labelled_nodes.push_back(
          {static_cast<int32_t>(n),
           node.kind,
           node.source,
           text,
           {{info_.labels[best], 0.75f, -0.25f}, {info_.labels[1 - best], 0.25f, -1.5f}}});
    }
  }

  // The first sentence, told a word at a time.
  void Summarize(const WorkItem& item, TaskResult& result) const {
    const DocumentTree& tree = item.document->tree;
    models::Summary& summary = result.summary;
    summary.method = models::SummaryMethod::kAbstractive;
    summary.score = -1;
    for (size_t n = 0; n < tree.nodes().size(); ++n) {
      const Node& node = tree.nodes()[n];
      if (node.kind != NodeKind::kSentence) continue;
      const std::string text(tree.TextOf(node));
      summary.sources.push_back({static_cast<int32_t>(n),
                                 node.kind,
                                 node.source,
                                 text,
                                 1.0f,
                                 {0, static_cast<int64_t>(text.size())}});
      for (const absl::string_view word : absl::StrSplit(text, ' ')) {
        if (item.cancelled && item.cancelled()) {
          result.status = absl::CancelledError("the caller stopped this document");
          return;
        }
        if (options_.word_time > absl::ZeroDuration()) absl::SleepFor(options_.word_time);
        const std::string part = absl::StrCat(summary.text.empty() ? "" : " ", word);
        summary.text += part;
        ++summary.num_new_tokens;
        if (item.on_text) item.on_text(part);
      }
      return;
    }
    result.status = absl::InvalidArgumentError("the document holds no sentence");
  }

  void Embed(const TaskRequest& request, const DocumentTree& tree, const AnchoredSequence& sequence,
             TaskResult& result) const {
    const auto add = [&](EmbeddingLevel level, int32_t node, ByteSpan text) {
      models::Embedding embedding{level, node, tree.ToSource(text), {}};
      const uint64_t hash =
          Hash(std::string_view(tree.text())
                   .substr(static_cast<size_t>(text.begin), static_cast<size_t>(text.size())));
      float squares = 0;
      for (int32_t c = 0; c < options_.hidden_size; ++c) {
        const float value = static_cast<float>((hash >> (c % 56)) & 0xff) / 128 - 1;
        embedding.values.push_back(value);
        squares += value * value;
      }
      if (request.normalize && squares > 0) {
        for (float& value : embedding.values) value /= std::sqrt(squares);
      }
      result.embeddings.push_back(std::move(embedding));
    };
    for (const EmbeddingLevel level : request.levels) {
      if (level == EmbeddingLevel::kToken) {
        for (size_t t = 1; t < sequence.token_ids.size(); ++t) {
          add(level, sequence.nodes[t], sequence.spans[t]);
        }
        continue;
      }
      for (size_t n = 0; n < tree.nodes().size(); ++n) {
        const Node& node = tree.nodes()[n];
        const bool wanted = level == EmbeddingLevel::kDocument  ? n == 0
                            : level == EmbeddingLevel::kSection ? node.kind == NodeKind::kSection
                                                                : IsText(node);
        if (wanted) add(level, static_cast<int32_t>(n), node.text);
      }
    }
  }

  const NullEngineOptions options_;
  models::ModelInfo info_;
  NullTokenizer tokenizer_;
};

}  // namespace

std::shared_ptr<const models::Engine> MakeNullEngine(NullEngineOptions options) {
  return std::make_shared<NullEngine>(std::move(options));
}

}  // namespace strata::runtime::testing
