#include "models/engine/answers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace strata::models {
namespace {

// Places [begin, end) of the document's sentences in the head's output.
std::pair<size_t, size_t> SentenceRange(const DocumentView& view) {
  const std::vector<int64_t>& document = view.classified->document;
  const auto range = std::equal_range(document.begin(), document.end(), view.index);
  return {static_cast<size_t>(range.first - document.begin()),
          static_cast<size_t>(range.second - document.begin())};
}

// The innermost section that holds a node (or is it), or the document.
int32_t SectionOf(const DocumentTree& tree, int32_t node) {
  while (node > 0 && tree.nodes()[static_cast<size_t>(node)].kind != NodeKind::kSection) {
    node = tree.nodes()[static_cast<size_t>(node)].parent;
  }
  return std::max(node, 0);
}

void Explain(const DocumentView& view, LabelKind kind, int64_t best, TaskResult& result) {
  const DocumentEvidence evidence = EvidenceOf(view);
  at::Tensor effects = evidence.effects.select(1, best);
  // Where labels exclude each other, what raises all of them alike speaks for none.
  if (kind == LabelKind::kOneOfAll) effects = effects - evidence.effects.mean(1);
  const at::Tensor weights = evidence.weights.contiguous(), contributions = effects.contiguous();
  const float* weight = weights.const_data_ptr<float>();
  const float* contribution = contributions.const_data_ptr<float>();

  const DocumentTree& tree = view.document.tree;
  const AnchoredSequence& sequence = view.document.sequence;
  std::map<int32_t, size_t> place_of_section;  // tree node → place in result.sections
  for (size_t i = 0; i < evidence.tokens.size(); ++i) {
    const auto token = static_cast<size_t>(evidence.tokens[i]);
    const int32_t node = sequence.nodes[token];
    const ByteSpan span = sequence.spans[token];
    const Node& owner = tree.nodes()[static_cast<size_t>(node)];
    const bool is_whole = span.begin == owner.text.begin && span.end == owner.text.end;
    result.sentences.push_back(
        {node, owner.kind, is_whole ? owner.source : tree.ToSource(span),
         tree.text().substr(static_cast<size_t>(span.begin), static_cast<size_t>(span.size())),
         weight[i], contribution[i]});
    const int32_t section = SectionOf(tree, node);
    const auto [place, is_new] = place_of_section.emplace(section, result.sections.size());
    if (is_new) {
      const Node& holder = tree.nodes()[static_cast<size_t>(section)];
      result.sections.push_back(
          {section, holder.kind, holder.source, HeadingOf(tree, section), 0, 0});
    }
    result.sections[place->second].weight += weight[i];
    result.sections[place->second].contribution += contribution[i];
  }
}

// Collects embeddings of one level; rows are copied out of a [n, C] tensor.
class EmbeddingWriter {
 public:
  EmbeddingWriter(const DocumentView& view, const TaskRequest& request, TaskResult& result)
      : view_(view), normalize_(request.normalize), result_(result) {}

  void Write(EmbeddingLevel level, const at::Tensor& vector, int32_t node, ByteSpan text) {
    Embedding& embedding = result_.embeddings.emplace_back();
    embedding.level = level;
    embedding.node = node;
    embedding.source = view_.document.tree.ToSource(text);
    embedding.values = ToVector(vector, normalize_);
  }

 private:
  const DocumentView& view_;
  const bool normalize_;
  TaskResult& result_;
};

constexpr std::pair<EmbeddingLevel, TokenRole> kRoleOfLevel[] = {
    {EmbeddingLevel::kDocument, TokenRole::kDocumentAnchor},
    {EmbeddingLevel::kSection, TokenRole::kSectionAnchor},
    {EmbeddingLevel::kSentence, TokenRole::kSentenceAnchor},
    {EmbeddingLevel::kToken, TokenRole::kWord},
};

// States of the tokens that have the level's role.
void EmbedByAnchor(const DocumentView& view, EmbeddingLevel level, EmbeddingWriter& writer) {
  TokenRole role = TokenRole::kWord;
  for (const auto& [row_level, row_role] : kRoleOfLevel) {
    if (row_level == level) role = row_role;
  }
  const AnchoredSequence& sequence = view.document.sequence;
  const int32_t first_row = view.batch.cu_seqlens[view.index];
  for (int64_t t = 0; t < sequence.num_tokens(); ++t) {
    if (sequence.roles[static_cast<size_t>(t)] != role) continue;
    writer.Write(level, view.output.states[first_row + t], sequence.nodes[static_cast<size_t>(t)],
                 sequence.spans[static_cast<size_t>(t)]);
  }
}

// The mean of the tokens' states of every section, for sequences whose sections have no anchor.
void EmbedSectionsByTokens(const DocumentView& view, EmbeddingWriter& writer) {
  const DocumentTree& tree = view.document.tree;
  const AnchoredSequence& sequence = view.document.sequence;
  std::map<int32_t, std::vector<int64_t>> rows_of_section;
  for (size_t t = 0; t < sequence.roles.size(); ++t) {
    if (sequence.roles[t] != TokenRole::kWord) continue;
    rows_of_section[SectionOf(tree, sequence.nodes[t])].push_back(
        view.batch.cu_seqlens[view.index] + static_cast<int64_t>(t));
  }
  for (const auto& [section, rows] : rows_of_section) {
    writer.Write(EmbeddingLevel::kSection,
                 view.output.states.index_select(0, at::tensor(rows, at::kLong)).mean(0), section,
                 tree.nodes()[static_cast<size_t>(section)].text);
  }
}

// The architecture's own vectors of its sentence anchors.
void EmbedSentencesByEncoder(const DocumentView& view, EmbeddingWriter& writer) {
  const AnchoredSequence& sequence = view.document.sequence;
  const auto* roles = view.batch.roles.data();
  int64_t row = std::count(roles, roles + view.batch.cu_seqlens[view.index],
                           TokenRole::kSentenceAnchor);  // of this document's first
  for (size_t t = 0; t < sequence.roles.size(); ++t) {
    if (sequence.roles[t] != TokenRole::kSentenceAnchor) continue;
    writer.Write(EmbeddingLevel::kSentence, view.output.sentences[row++], sequence.nodes[t],
                 sequence.spans[t]);
  }
}

// Vectors that the classification head reads, pooled with its own weights.
void EmbedByHead(const DocumentView& view, EmbeddingLevel level, EmbeddingWriter& writer) {
  const auto [begin, end] = SentenceRange(view);
  const auto first = static_cast<int64_t>(begin), count = static_cast<int64_t>(end - begin);
  const at::Tensor states = view.classified->sentence_states.narrow(0, first, count);
  const at::Tensor weights = view.classified->sentence_weights.narrow(0, first, count);
  const DocumentTree& tree = view.document.tree;
  const AnchoredSequence& sequence = view.document.sequence;
  const int32_t first_row = view.batch.cu_seqlens[view.index];
  const auto token_of = [&](int64_t i) { return view.classified->rows[begin + i] - first_row; };
  const auto pooled = [&](int64_t from, int64_t to) {
    const at::Tensor share = weights.narrow(0, from, to - from);
    const at::Tensor total =
        share.sum().clamp_min(1e-30);  // a section may have got no weight at all
    return at::matmul(share / total, states.narrow(0, from, to - from));
  };
  if (count == 0) return;
  if (level == EmbeddingLevel::kDocument) {
    writer.Write(level, pooled(0, count), 0, tree.nodes().front().text);
  } else if (level == EmbeddingLevel::kSentence) {
    for (int64_t i = 0; i < count; ++i) {
      const auto token = static_cast<size_t>(token_of(i));
      writer.Write(level, states[i], sequence.nodes[token], sequence.spans[token]);
    }
  } else {
    const auto section_of = [&](int64_t i) {
      return SectionOf(tree, sequence.nodes[static_cast<size_t>(token_of(i))]);
    };
    for (int64_t from = 0; from < count;) {  // runs of sentences of one section
      const int32_t section = section_of(from);
      int64_t to = from + 1;
      while (to < count && section_of(to) == section) ++to;
      writer.Write(level, pooled(from, to), section,
                   tree.nodes()[static_cast<size_t>(section)].text);
      from = to;
    }
  }
}

}  // namespace

std::vector<LabelScore> RankLabels(const at::Tensor& logits, const std::vector<std::string>& labels,
                                   LabelKind kind, int32_t top_k) {
  at::Tensor likely = at::zeros_like(logits);
  if (kind == LabelKind::kOneOfAll) likely = at::softmax(logits, 0);
  if (kind == LabelKind::kEachByItself) likely = at::sigmoid(logits);
  const std::vector<float> values = ToVector(logits, /*normalize=*/false);
  const std::vector<float> probabilities = ToVector(likely, /*normalize=*/false);
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] > values[b]; });
  if (top_k > 0 && static_cast<size_t>(top_k) < order.size()) {
    order.resize(static_cast<size_t>(top_k));
  }
  std::vector<LabelScore> ranked;
  for (size_t k : order) ranked.push_back({labels[k], probabilities[k], values[k]});
  return ranked;
}

std::vector<float> ToVector(const at::Tensor& vector, bool normalize) {
  const at::Tensor values = vector.contiguous();
  const float* const first = values.const_data_ptr<float>();
  std::vector<float> numbers(first, first + values.numel());
  if (!normalize) return numbers;
  double sum = 0;
  for (float number : numbers) sum += static_cast<double>(number) * number;
  const auto scale = static_cast<float>(sum > 0 ? 1.0 / std::sqrt(sum) : 0.0);
  for (float& number : numbers) number *= scale;
  return numbers;
}

std::string HeadingOf(const DocumentTree& tree, int32_t section) {
  for (size_t n = static_cast<size_t>(section) + 1; n < tree.nodes().size(); ++n) {
    const Node& node = tree.nodes()[n];
    if (node.level <= tree.nodes()[static_cast<size_t>(section)].level) break;
    if (node.kind == NodeKind::kHeading && node.parent == section) {
      return std::string(tree.TextOf(node));
    }
  }
  return "";
}

DocumentEvidence EvidenceOf(const DocumentView& view) {
  const AnchorEvidence& own = view.output.evidence;
  const std::vector<int32_t>& rows = view.classified ? view.classified->rows : own.rows;
  const std::vector<int64_t>& document = view.classified ? view.classified->document : own.document;
  const auto [first, last] = std::equal_range(document.begin(), document.end(), view.index);
  const int64_t begin = first - document.begin(), count = last - first;
  DocumentEvidence evidence;
  if (count == 0) return evidence;
  for (int64_t i = begin; i < begin + count; ++i) {
    evidence.tokens.push_back(rows[static_cast<size_t>(i)] - view.batch.cu_seqlens[view.index]);
  }
  if (view.classified) {
    evidence.weights = view.classified->sentence_weights.narrow(0, begin, count);
    evidence.effects =
        evidence.weights.unsqueeze(1) * view.classified->sentence_logits.narrow(0, begin, count);
  } else {
    evidence.weights = own.weights.narrow(0, begin, count);
    evidence.effects = own.effects.narrow(0, begin, count);
  }
  return evidence;
}

TokenCounts CountTokens(const DocumentView& view) {
  const AnchoredSequence& sequence = view.document.sequence;
  TokenCounts counts;
  counts.num_tokens = sequence.num_tokens();
  counts.num_words_seen = sequence.num_words_seen;
  counts.num_words_kept = sequence.num_words_kept;
  ByteSpan kept{-1, -1};
  for (size_t t = 0; t < sequence.spans.size(); ++t) {
    if (sequence.roles[t] != TokenRole::kWord) continue;
    if (kept.begin < 0) kept.begin = sequence.spans[t].begin;
    kept.end = std::max(kept.end, sequence.spans[t].end);
  }
  if (kept.begin >= 0) counts.source_kept = view.document.tree.ToSource(kept);
  return counts;
}

void AnswerClassify(const DocumentView& view, const std::vector<std::string>& labels,
                    LabelKind kind, const TaskRequest& request, TaskResult& result) {
  const at::Tensor logits =
      (view.classified ? view.classified->logits : view.output.logits)[view.index];
  if (request.explain) Explain(view, kind, logits.argmax().item<int64_t>(), result);
  result.labels = RankLabels(logits, labels, kind, request.top_k);
}

void AnswerEmbed(const DocumentView& view, const TaskRequest& request, TaskResult& result) {
  EmbeddingWriter writer(view, request, result);
  const std::vector<TokenRole>& roles = view.document.sequence.roles;
  const bool has_sections = std::ranges::find(roles, TokenRole::kSectionAnchor) != roles.end();
  for (EmbeddingLevel level : request.levels) {
    if (view.classified != nullptr && level != EmbeddingLevel::kToken) {
      EmbedByHead(view, level, writer);
    } else if (level == EmbeddingLevel::kDocument && view.output.documents.defined()) {
      writer.Write(level, view.output.documents[view.index], 0,
                   view.document.tree.nodes().front().text);
    } else if (level == EmbeddingLevel::kSentence && view.output.sentences.defined()) {
      EmbedSentencesByEncoder(view, writer);
    } else if (level == EmbeddingLevel::kSection && !has_sections) {
      EmbedSectionsByTokens(view, writer);
    } else {
      EmbedByAnchor(view, level, writer);
    }
  }
}

void AnswerMatch(const DocumentView& view, TaskResult& result) {
  TaskRequest request;
  request.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kSentence};
  AnswerEmbed(view, request, result);
}

}  // namespace strata::models
