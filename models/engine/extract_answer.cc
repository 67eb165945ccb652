#include "models/engine/extract_answer.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "models/heads/extractive_summary.h"

namespace strata::models {
namespace {

constexpr int32_t kDefaultSentences = 3;

// Sentences that may be taken.
struct Sentences {
  std::vector<int32_t> nodes;  // [S] in the tree
  ExtractCandidates candidates;
};

int64_t CountWords(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (char c : text) {
    const bool space = absl::ascii_isspace(static_cast<unsigned char>(c));
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

// Words of each sentence by their place in the sequence, and the sentence's own anchor, if any.
struct Parts {
  std::vector<int64_t> words;
  int64_t anchor = -1;
};

std::map<int32_t, Parts> PartsOf(const DocumentView& view) {
  const AnchoredSequence& sequence = view.document.sequence;
  const std::vector<Node>& nodes = view.document.tree.nodes();
  std::map<int32_t, Parts> parts;
  for (size_t t = 0; t < sequence.roles.size(); ++t) {
    const int32_t node = sequence.nodes[t];
    if (node < 0 || nodes[static_cast<size_t>(node)].kind != NodeKind::kSentence) continue;
    if (sequence.roles[t] == TokenRole::kWord) {
      parts[node].words.push_back(static_cast<int64_t>(t));
    } else if (sequence.roles[t] == TokenRole::kSentenceAnchor) {
      parts[node].anchor = static_cast<int64_t>(t);
    }
  }
  std::erase_if(parts, [](const auto& entry) { return entry.second.words.empty(); });
  return parts;
}

// A head's weight of each sentence; empty without a head. Words share their anchor's weight alike.
std::vector<float> HeadWeights(const DocumentView& view, const std::map<int32_t, Parts>& parts) {
  const DocumentEvidence evidence = EvidenceOf(view);
  if (evidence.tokens.empty()) return {};
  const AnchoredSequence& sequence = view.document.sequence;
  std::map<int64_t, double> share;  // of one word, by anchor
  for (int64_t anchor : evidence.tokens) share[anchor] = 0;
  for (size_t t = 0; t < sequence.roles.size(); ++t) {
    const auto found = share.find(sequence.parents[t]);
    if (sequence.roles[t] == TokenRole::kWord && found != share.end()) ++found->second;
  }
  const at::Tensor weights = evidence.weights.to(at::kFloat).contiguous();
  for (size_t i = 0; i < evidence.tokens.size(); ++i) {
    double& words = share[evidence.tokens[i]];
    words = words > 0 ? weights.const_data_ptr<float>()[i] / words : 0;
  }
  std::vector<float> result;
  for (const auto& [node, part] : parts) {
    double sum = 0;
    for (int64_t word : part.words) {
      const auto found = share.find(sequence.parents[static_cast<size_t>(word)]);
      if (found != share.end()) sum += found->second;
    }
    result.push_back(static_cast<float>(sum));
  }
  return result;
}

Sentences Collect(const DocumentView& view) {
  const AnchoredSequence& sequence = view.document.sequence;
  const DocumentTree& tree = view.document.tree;
  const int64_t first_row = view.batch.cu_seqlens[view.index];
  const std::map<int32_t, Parts> parts = PartsOf(view);
  Sentences sentences;
  if (parts.empty()) return sentences;
  ExtractCandidates& candidates = sentences.candidates;
  std::vector<at::Tensor> vectors;
  for (const auto& [node, part] : parts) {
    sentences.nodes.push_back(node);
    candidates.num_words.push_back(
        CountWords(tree.TextOf(tree.nodes()[static_cast<size_t>(node)])));
    std::vector<int32_t>& ids = candidates.token_ids.emplace_back();
    std::vector<int64_t> rows;
    for (int64_t word : part.words) {
      ids.push_back(sequence.token_ids[static_cast<size_t>(word)]);
      rows.push_back(first_row + word);
    }
    vectors.push_back(
        part.anchor >= 0 ? view.output.states[first_row + part.anchor]
                         : view.output.states.index_select(0, at::tensor(rows, at::kLong)).mean(0));
  }
  candidates.vectors = at::stack(vectors).to(at::kFloat);
  candidates.weights = HeadWeights(view, parts);
  if (candidates.weights.empty()) candidates.weights = CentralityWeights(candidates.vectors);
  return sentences;
}

}  // namespace

absl::Status CheckExtract(const SummaryOptions& options) {
  if (options.max_words < 0 || options.max_sentences < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.max_words < 0 ? "max_words" : "max_sentences", " is below 0; 0 is no limit"));
  }
  if (!(options.max_similarity >= 0 && options.max_similarity <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_similarity is ", options.max_similarity, ", outside 0..1"));
  }
  return absl::OkStatus();
}

absl::Status AnswerExtract(const DocumentView& view, const SummaryOptions& options,
                           const std::function<void(const std::string&)>& on_text,
                           TaskResult& result) {
  const Sentences sentences = Collect(view);
  if (sentences.nodes.empty()) {
    return absl::InvalidArgumentError(
        "the document holds no sentence, so there is nothing to summarize");
  }
  ExtractBudget budget;
  budget.max_words = options.max_words;
  budget.max_sentences = options.max_words == 0 && options.max_sentences == 0
                             ? kDefaultSentences
                             : options.max_sentences;
  budget.max_similarity = options.max_similarity;
  const std::vector<size_t> chosen = ExtractSentences(sentences.candidates, budget);
  if (chosen.empty()) {
    const int64_t shortest = *std::ranges::min_element(sentences.candidates.num_words);
    return absl::InvalidArgumentError(absl::StrCat("no sentence of the document has at most ",
                                                   options.max_words, " words, its shortest has ",
                                                   shortest, "; raise max_words"));
  }
  Summary& summary = result.summary;
  summary.method = SummaryMethod::kExtractive;
  const DocumentTree& tree = view.document.tree;
  for (size_t i : chosen) {
    const Node& leaf = tree.nodes()[static_cast<size_t>(sentences.nodes[i])];
    const std::string text(tree.TextOf(leaf));
    const std::string part = absl::StrCat(summary.text.empty() ? "" : " ", text);
    summary.text += part;
    const auto end = static_cast<int64_t>(summary.text.size());
    summary.sources.push_back({sentences.nodes[i],
                               leaf.kind,
                               leaf.source,
                               text,
                               sentences.candidates.weights[i],
                               {end - static_cast<int64_t>(text.size()), end}});
    if (on_text) on_text(part);
  }
  return absl::OkStatus();
}

}  // namespace strata::models
