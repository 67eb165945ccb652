// Reads the labels of one document's sentences or sections off a node labeller's output.
#ifndef STRATA_MODELS_ENGINE_LABEL_ANSWER_H_
#define STRATA_MODELS_ENGINE_LABEL_ANSWER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/batch/packed_batch.h"
#include "models/checkpoint/tensor_map.h"
#include "models/engine/answers.h"
#include "models/engine/engine.h"
#include "models/heads/node_labeller.h"
#include "models/layers/encoder.h"

namespace strata::models {

// The head that labels nodes, and what it labels.
struct NodeLabeller {
  NodeLabellerWeights weights;
  NodeKind level = NodeKind::kSentence;  // or kSection
};

// If the weights hold one. INVALID_ARGUMENT: config.json ("label_level", "id2label") does not fit.
absl::StatusOr<std::optional<NodeLabeller>> LoadNodeLabeller(const TensorMap& weights,
                                                             const std::string& config_json,
                                                             const EncoderInfo& encoder,
                                                             const std::string& folder);

// Of all documents of a batch: nodes of the level, each by its first anchor. Headings are no
// sentences; text that stands in no section has no section's label.
LabelledAnchors AnchorsToLabel(absl::Span<const PreparedDocument* const> documents,
                               const PackedBatch& batch, NodeKind level);

// Fills labelled_nodes, and labels with the mean of their probabilities.
// log_probabilities [A, K]: of `anchors`.
void AnswerLabels(const DocumentView& view, const LabelledAnchors& anchors,
                  const at::Tensor& log_probabilities, const std::vector<std::string>& labels,
                  const TaskRequest& request, TaskResult& result);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_LABEL_ANSWER_H_
