// SMITH: a document as sentence blocks, a transformer over the words of each block and another over
// the blocks; two documents match as far as their vectors do.
//
// Paper: Beyond 512 Tokens: Siamese Multi-depth Transformer-based Hierarchical Encoder for
// Long-Form Document Matching (arXiv 2004.12297). Reference: google-research/google-research,
// smith/modeling.py and smith/layers.py.
#ifndef STRATA_MODELS_SMITH_SMITH_H_
#define STRATA_MODELS_SMITH_SMITH_H_

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/batch/packed_batch.h"
#include "models/checkpoint/tensor_map.h"
#include "models/smith/smith_config.h"
#include "models/smith/smith_weights.h"

namespace strata::models {

// How one pass is run. All members may be left as they are.
struct SmithForwardOptions {
  // The last sentence layer then computes every token, not only the block's first.
  bool want_states = false;
  double dropout = 0;               // training only, at both levels
  std::function<bool()> cancelled;  // asked between layers
  // The vector of a padding block, [C], if the caller keeps it; else it is computed where needed.
  at::Tensor padding_block;
  // Pre-training: for each document the numbers of blocks whose vector is replaced by the learned
  // mask at the document level. Numbers beyond the document's blocks mask padding: nothing to see.
  const std::vector<std::vector<int32_t>>* masked_blocks = nullptr;
};

// B documents, S blocks in all, T tokens in all; blocks of a document stand one after the other.
struct SmithOutput {
  at::Tensor states;                 // [T, C], only if wanted
  at::Tensor blocks;                 // [S, C]: b_j, each of length 1
  at::Tensor contextual;             // [S, C]: what the document level makes of them
  at::Tensor documents;              // [B, document_size()]: the vectors that are compared
  std::vector<int32_t> first_block;  // [B + 1]: blocks of document b are first_block[b] …
};

// Immutable after construction unless it is being trained; forward passes are thread-safe.
class Smith {
 public:
  Smith(SmithConfig config, SmithHeads heads, SmithWeights weights)
      : config_(std::move(config)), heads_(heads), weights_(std::move(weights)) {}

  // Pre-training heads are taken if the checkpoint has them. `ignored` (may be null) names keys
  // that belong to heads kept elsewhere. INVALID_ARGUMENT names the key.
  static absl::StatusOr<Smith> Load(const SmithConfig& config, const TensorMap& checkpoint,
                                    const std::function<bool(const std::string&)>& ignored,
                                    const std::string& where);

  // Readies the layers for serving (models/layers/transformer_layer.h): their weights are packed
  // and Table() no longer holds them; no gradients from then on. INVALID_ARGUMENT,
  // RESOURCE_EXHAUSTED.
  absl::Status PackForInference(kernels::WeightType type = kernels::WeightType::kFloat32);

  const SmithConfig& config() const { return config_; }
  const SmithHeads& heads() const { return heads_; }
  SmithWeights& weights() { return weights_; }
  const SmithWeights& weights() const { return weights_; }
  std::vector<WeightEntry> Table() { return SmithWeightTable(config_, heads_, weights_); }

  // A batch of documents as smith_input.h makes them: a block begins at a token of role
  // kSentenceAnchor; positions[t] = {place in the block, number of the block}; the plan's families
  // are the blocks. INVALID_ARGUMENT: a token, position or block number outside its table, a
  // document that does not begin with a block. CANCELLED.
  absl::StatusOr<SmithOutput> Forward(const PackedBatch& batch,
                                      const SmithForwardOptions& options = {}) const;

  // The vector of a block of padding alone, [C]: one constant of the model.
  at::Tensor PaddingBlock() const;

  // amplifier · (v₁ · v₂) for each row of two [B, D]; the probability of a match is its sigmoid.
  at::Tensor MatchLogits(const at::Tensor& first, const at::Tensor& second) const;

 private:
  absl::StatusOr<at::Tensor> EncodeTokens(const PackedBatch& batch, const at::Tensor& first_rows,
                                          const SmithForwardOptions& options,
                                          at::Tensor& states) const;
  absl::StatusOr<at::Tensor> EncodeBlocks(const at::Tensor& blocks, const PackedBatch& batch,
                                          const std::vector<int32_t>& first_block,
                                          const std::vector<int32_t>& block_numbers,
                                          const SmithForwardOptions& options) const;
  at::Tensor Combine(const at::Tensor& document_level, const at::Tensor& blocks,
                     const std::vector<int32_t>& first_block,
                     const SmithForwardOptions& options) const;

  SmithConfig config_;
  SmithHeads heads_;
  SmithWeights weights_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_SMITH_SMITH_H_
