#include "models/engine/label_answer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

absl::StatusOr<NodeKind> LevelOf(const std::string& config_json, const std::string& folder) {
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, false);
  const nlohmann::json level =
      config.is_object() ? config.value("label_level", nlohmann::json("sentence")) : nullptr;
  for (NodeKind kind : {NodeKind::kSentence, NodeKind::kSection}) {
    if (level == std::string(NodeKindName(kind))) return kind;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      folder, "/config.json: label_level is ",
      level.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 64),
      "; it must be \"sentence\" or \"section\""));
}

// A section is shown by its heading.
std::string TextOf(const DocumentTree& tree, int32_t index) {
  const Node& node = tree.nodes()[static_cast<size_t>(index)];
  return node.kind == NodeKind::kSection ? HeadingOf(tree, index) : std::string(tree.TextOf(node));
}

}  // namespace

absl::StatusOr<std::optional<NodeLabeller>> LoadNodeLabeller(const TensorMap& weights,
                                                             const std::string& config_json,
                                                             const EncoderInfo& encoder,
                                                             const std::string& folder) {
  if (!weights.contains("labeller.out.weight")) return std::nullopt;
  if (encoder.labels.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": the weights hold a head that labels nodes, but config.json names no id2label"));
  }
  auto level = LevelOf(config_json, folder);
  if (!level.ok()) return level.status();
  const at::NoGradGuard no_grad;
  NodeLabeller labeller{
      InitialNodeLabellerWeights(encoder.hidden_size, static_cast<int64_t>(encoder.labels.size())),
      *level};
  const absl::Status status = LoadWeights(
      NodeLabellerTable(labeller.weights), weights,
      [](const std::string& key) { return !IsNodeLabellerKey(key); }, folder);
  if (!status.ok()) return status;
  return labeller;
}

LabelledAnchors AnchorsToLabel(absl::Span<const PreparedDocument* const> documents,
                               const PackedBatch& batch, NodeKind level) {
  const TokenRole role =
      level == NodeKind::kSection ? TokenRole::kSectionAnchor : TokenRole::kSentenceAnchor;
  LabelledAnchors anchors;
  for (size_t b = 0; b < documents.size(); ++b) {
    const AnchoredSequence& sequence = documents[b]->sequence;
    const std::vector<Node>& nodes = documents[b]->tree.nodes();
    std::set<int32_t> seen;
    for (size_t t = 0; t < sequence.roles.size(); ++t) {
      const int32_t node = sequence.nodes[t];
      if (sequence.roles[t] != role || node < 0 || nodes[static_cast<size_t>(node)].kind != level ||
          !seen.insert(node).second) {
        continue;
      }
      anchors.rows.push_back(batch.cu_seqlens[b] + static_cast<int32_t>(t));
      anchors.documents.push_back(static_cast<int64_t>(b));
    }
  }
  return anchors;
}

void AnswerLabels(const DocumentView& view, const LabelledAnchors& anchors,
                  const at::Tensor& log_probabilities, const std::vector<std::string>& labels,
                  const TaskRequest& request, TaskResult& result) {
  const auto [begin, end] =
      std::equal_range(anchors.documents.begin(), anchors.documents.end(), view.index);
  if (begin == end) return;
  const auto first = begin - anchors.documents.begin(), count = end - begin;
  const at::Tensor rows = log_probabilities.narrow(0, first, count);
  const DocumentTree& tree = view.document.tree;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t row = anchors.rows[static_cast<size_t>(first + i)];
    const auto token =
        static_cast<size_t>(row - view.batch.cu_seqlens[static_cast<size_t>(view.index)]);
    const int32_t index = view.document.sequence.nodes[token];
    const Node& node = tree.nodes()[static_cast<size_t>(index)];
    result.labelled_nodes.push_back(
        {index, node.kind, node.source, TextOf(tree, index),
         RankLabels(rows[i], labels, LabelKind::kOneOfAll, request.top_k)});
  }
  result.labels = RankLabels(rows.exp().mean(0).clamp_min(1e-30).log(), labels,
                             LabelKind::kOneOfAll, request.top_k);
}

}  // namespace strata::models
