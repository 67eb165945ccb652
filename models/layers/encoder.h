// What the engine asks of an architecture: a document as its tokens, and a forward pass.
#ifndef STRATA_MODELS_LAYERS_ENCODER_H_
#define STRATA_MODELS_LAYERS_ENCODER_H_

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "kernels/linear/packed_linear.h"
#include "models/batch/anchored_sequence.h"
#include "models/batch/packed_batch.h"
#include "models/checkpoint/tensor_map.h"
#include "models/document/document_tree.h"
#include "models/layers/sequence_decoder.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// How the logits of a classification head are read.
enum class LabelKind : uint8_t {
  kOneOfAll,      // softmax: exactly one label is right
  kEachByItself,  // sigmoid: any number of them
  kValue,         // no classes: each logit is a value by itself (regression)
};

// Sizes that a user is shown, and what the model can do.
struct EncoderInfo {
  int32_t hidden_size = 0;
  int32_t num_layers = 0;
  int32_t vocab_size = 0;
  int64_t weight_bytes = 0;         // in memory
  double norm_epsilon = 1e-6;       // for heads that normalise as the encoder does
  std::vector<std::string> labels;  // id2label of the configuration
  std::string architecture;         // architectures[0]
  bool runs_on_kernels = false;     // its layers do not need ATen's threads
  bool classifies = false;          // the checkpoint has the architecture's own classification head
  LabelKind label_kind = LabelKind::kOneOfAll;  // of that head
  // The score of two documents is their vectors' product times this, and its sigmoid a probability;
  // 0: the architecture is not trained to match.
  double match_amplifier = 0;
};

// How much each anchor of a batch counted for the labels. A anchors, K labels.
struct AnchorEvidence {
  std::vector<int32_t> rows;      // [A] row of the anchor in the batch
  std::vector<int64_t> document;  // [A] rising
  at::Tensor weights;             // [A] share in pooling, sum 1 over a document
  at::Tensor effects;             // [A, K] what it adds to the logits
};

// B documents, T tokens, C hidden size, D size of a document's vector, K labels.
struct EncoderOutput {
  at::Tensor states;        // [T, C] last hidden states
  at::Tensor documents;     // [B, D] where the architecture pools documents itself, else undefined
  at::Tensor sentences;     // [A, C] of the tokens of role kSentenceAnchor, likewise
  at::Tensor logits;        // [B, K] of the architecture's own head, else undefined
  AnchorEvidence evidence;  // for these logits
};

// Thread-safe; immutable.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual const EncoderInfo& info() const = 0;
  // Tokens and anchors; at most `max_tokens`. 0 = all: RESOURCE_EXHAUSTED where the architecture
  // itself has a limit.
  virtual absl::StatusOr<AnchoredSequence> Anchor(const DocumentTree& tree,
                                                  int64_t max_tokens) const = 0;
  // The same behind a query whose tokens see and are seen by the anchors of the document and its
  // sections. UNIMPLEMENTED: an architecture without such a place.
  virtual absl::StatusOr<AnchoredSequence> AnchorWithQuery(const DocumentTree&,
                                                           const std::string& query,
                                                           int64_t) const {
    return absl::UnimplementedError(
        absl::StrCat("this architecture takes no query ('", query, "') in front of a document"));
  }
  // Last hidden states [T, C].
  virtual absl::StatusOr<at::Tensor> Forward(const PackedBatch& batch,
                                             const std::function<bool()>& cancelled) const = 0;
  // The states, and what the architecture makes of them by its own pooling and head. Without
  // `want_states` an architecture may leave out states that its own vectors do not need.
  virtual absl::StatusOr<EncoderOutput> ForwardWithHead(
      const PackedBatch& batch, bool /*want_states*/,
      const std::function<bool()>& cancelled) const {
    auto states = Forward(batch, cancelled);
    if (!states.ok()) return states.status();
    EncoderOutput output;
    output.states = *std::move(states);
    return output;
  }
  // The half that writes; null: there is none. Lives as long as the encoder.
  virtual const SequenceDecoder* decoder() const { return nullptr; }
};

// Makes an encoder from a model folder's parts. `is_head_key` names weights that belong to a head
// kept elsewhere; `type` is what the matrices of its layers are kept as.
using EncoderLoader = absl::StatusOr<std::unique_ptr<const Encoder>> (*)(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder,
    kernels::WeightType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_ENCODER_H_
