// SMITH (arXiv 2004.12297); google-research/google-research, smith.
//
// Sentence level, each block by itself:
//   x_0 = LN(E[token] + T[0] + P[place])            h ← post-norm layers, all tokens of the block
//   b   = l2(relu(W₂ · tanh(W₁ · h[CLS])))          l2(x) = x / sqrt(max(Σx², 1e-12))
// Document level, over the blocks of a document:
//   y_0 = LN(b_j + P'[j])                           y ← post-norm layers
//   r   = l2(relu(W₄ · tanh(W₃ · y[first])))
// Vector v = r, or [Σ b ; r], [mean b ; r], [Σ a_j b_j ; r]; score = amplifier · v₁ · v₂.
//
// Packed: a block holds its own tokens and no padding, and a document its own blocks. The reference
// pads both; padded tokens and blocks are no keys there, so nothing here can see that they are
// missing, with one exception: sums, means and the attention's softmax run over all
// loop_sent_number_per_doc blocks. A padding block attends as if nothing were masked (every key is
// shifted alike), so its vector is one constant of the model, counted as often as it occurs.
#include "models/smith/smith.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/layers/layers.h"
#include "models/layers/tree_pass.h"

namespace strata::models {
namespace {

template <typename T>
at::Tensor IndexTensor(const std::vector<T>& values) {
  std::vector<int64_t> wide(values.begin(), values.end());
  return at::tensor(wide, at::kLong);
}

at::Tensor UnitLength(const at::Tensor& x) {
  return x * at::rsqrt(x.square().sum(-1, /*keepdim=*/true).clamp_min(1e-12));
}

// l2(relu(W₂ · tanh(W₁ · x))).
at::Tensor PooledVector(const Linear& pooler, const Linear& dense, const at::Tensor& first) {
  return UnitLength(at::relu(Apply(dense, at::tanh(Apply(pooler, first)))));
}

// The layers of one level. `last_rows` (may be undefined) are the only rows that the last layer
// finishes: attention sees all of them, the rest of the layer works token by token.
absl::StatusOr<at::Tensor> RunLayers(const std::vector<TransformerLayer>& layers,
                                     const SmithBertConfig& config,
                                     std::shared_ptr<const kernels::StructurePlan> plan,
                                     const SmithForwardOptions& options, const char* level,
                                     at::Tensor hidden, const at::Tensor& last_rows = {}) {
  TransformerLayerSpec spec = SmithLayerSpec(config);
  spec.dropout = options.dropout;
  TreePass blocks(std::move(plan), config.num_attention_heads, config.head_size(),
                  1.0 / std::sqrt(static_cast<double>(config.head_size())));
  for (size_t n = 0; n < layers.size(); ++n) {
    if (options.cancelled && options.cancelled()) {
      return absl::CancelledError(absl::StrCat("stopped before ", level, " layer ", n));
    }
    if (last_rows.defined() && n + 1 == layers.size()) {
      const at::Tensor context = blocks.Attend(ProjectQkv(spec, layers[n], hidden));
      return FinishLayer(spec, layers[n], hidden.index_select(0, last_rows),
                         context.index_select(0, last_rows));
    }
    const absl::Status status = blocks.Apply(spec, layers[n], hidden);
    if (!status.ok()) return status;
  }
  return hidden;
}

SmithHeads HeadsOf(const TensorMap& checkpoint) {
  SmithHeads heads;
  for (const auto& [key, view] : checkpoint) {
    heads.words |= absl::StartsWith(key, "cls/word_predictions/");
    heads.sentences |= absl::StartsWith(key, "cls/sent_predictions/") ||
                       absl::StartsWith(key, "mask_sent_in_doc/");
    if (key == "cls/sent_predictions/output_bias" && view.shape.size() == 1) {
      heads.num_masked_sentences = view.shape[0];
    }
  }
  return heads;
}

// Where the blocks stand in a packed batch.
struct Layout {
  std::vector<int32_t> first_rows;     // [S]
  std::vector<int32_t> block_numbers;  // [S] within the document
  std::vector<int32_t> first_block;    // [B + 1]
};

absl::StatusOr<Layout> ReadLayout(const SmithConfig& config, const PackedBatch& batch) {
  const auto outside = [](int32_t value, int32_t size) { return value < 0 || value >= size; };
  Layout layout;
  layout.first_block.push_back(0);
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    for (int32_t t = batch.cu_seqlens[b]; t < batch.cu_seqlens[b + 1]; ++t) {
      if (outside(batch.token_ids[t], config.sentence.vocab_size)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "token ", t, " has id ", batch.token_ids[t], ", outside the vocabulary of ",
            config.sentence.vocab_size, "; do tokenizer and model belong together?"));
      }
      if (outside(batch.positions[t][0], config.sentence.max_position_embeddings) ||
          outside(batch.positions[t][1], config.document.max_position_embeddings)) {
        return absl::InvalidArgumentError(
            absl::StrCat("token ", t, " stands at place ", batch.positions[t][0], " of block ",
                         batch.positions[t][1], ", outside the model's position tables"));
      }
      if (batch.roles[t] == TokenRole::kSentenceAnchor) {
        layout.first_rows.push_back(t);
        layout.block_numbers.push_back(batch.positions[t][1]);
      } else if (t == batch.cu_seqlens[b]) {
        return absl::InvalidArgumentError(
            absl::StrCat("document ", b, " does not begin with a block"));
      }
    }
    layout.first_block.push_back(static_cast<int32_t>(layout.first_rows.size()));
    if (layout.first_block[b + 1] - layout.first_block[b] > config.loop_sent_number_per_doc) {
      return absl::InvalidArgumentError(
          absl::StrCat("document ", b, " has ", layout.first_block[b + 1] - layout.first_block[b],
                       " blocks, the model reads ", config.loop_sent_number_per_doc));
    }
  }
  return layout;
}

// All blocks of a document attend to each other.
absl::StatusOr<std::shared_ptr<const kernels::StructurePlan>> BlockPlan(
    const std::vector<int32_t>& first_block) {
  std::vector<int32_t> parents;
  for (size_t b = 0; b + 1 < first_block.size(); ++b) {
    for (int32_t s = first_block[b]; s < first_block[b + 1]; ++s) {
      parents.push_back(s == first_block[b] ? -1 : first_block[b]);
    }
  }
  return kernels::StructurePlan::Build({parents, first_block});
}

}  // namespace

absl::StatusOr<Smith> Smith::Load(const SmithConfig& config, const TensorMap& checkpoint,
                                  const std::function<bool(const std::string&)>& ignored,
                                  const std::string& where) {
  const SmithHeads heads = HeadsOf(checkpoint);
  SmithWeights weights;
  weights.sentence_layers.resize(static_cast<size_t>(config.sentence.num_hidden_layers));
  weights.document_layers.resize(static_cast<size_t>(config.document.num_hidden_layers));
  const absl::Status status = LoadNewWeights(
      SmithWeightTable(config, heads, weights), checkpoint,
      [&](const std::string& key) { return ignored && ignored(key); }, where);
  if (!status.ok()) return status;
  return Smith(config, heads, std::move(weights));
}

absl::Status Smith::PackForInference(kernels::WeightType type) {
  for (TransformerLayer& layer : weights_.sentence_layers) {
    const absl::Status status =
        models::PackForInference(SmithLayerSpec(config_.sentence), layer, type);
    if (!status.ok()) return status;
  }
  for (TransformerLayer& layer : weights_.document_layers) {
    const absl::Status status =
        models::PackForInference(SmithLayerSpec(config_.document), layer, type);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<SmithOutput> Smith::Forward(const PackedBatch& batch,
                                           const SmithForwardOptions& options) const {
  auto layout = ReadLayout(config_, batch);
  if (!layout.ok()) return layout.status();
  SmithOutput output;
  output.first_block = layout->first_block;
  auto first = EncodeTokens(batch, IndexTensor(layout->first_rows), options, output.states);
  if (!first.ok()) return first.status();
  output.blocks = PooledVector(weights_.pooler, weights_.block_dense, *first);
  auto contextual =
      EncodeBlocks(output.blocks, batch, output.first_block, layout->block_numbers, options);
  if (!contextual.ok()) return contextual.status();
  output.contextual = *std::move(contextual);
  const at::Tensor heads_of_documents = output.contextual.index_select(
      0,
      IndexTensor(std::vector<int32_t>(output.first_block.begin(), output.first_block.end() - 1)));
  output.documents =
      Combine(PooledVector(weights_.document_pooler, weights_.document_dense, heads_of_documents),
              output.blocks, output.first_block, options);
  return output;
}

// Last states of the blocks' first tokens, [S, C]; of all tokens in `states` if they are wanted.
absl::StatusOr<at::Tensor> Smith::EncodeTokens(const PackedBatch& batch,
                                               const at::Tensor& first_rows,
                                               const SmithForwardOptions& options,
                                               at::Tensor& states) const {
  std::vector<int32_t> places;
  places.reserve(batch.positions.size());
  for (const auto& position : batch.positions) places.push_back(position[0]);
  const at::Tensor embedded =
      at::embedding(weights_.word_embeddings, IndexTensor(batch.token_ids)) +
      weights_.token_type_embeddings[0] +
      at::embedding(weights_.position_embeddings, IndexTensor(places));
  auto hidden =
      RunLayers(weights_.sentence_layers, config_.sentence, batch.plan, options, "sentence",
                Dropout(Normalize(weights_.embedding_norm, NormKind::kLayerNorm,
                                  SmithLayerSpec(config_.sentence).epsilon, embedded),
                        options.dropout),
                options.want_states ? at::Tensor() : first_rows);
  if (!hidden.ok() || !options.want_states) return hidden;
  states = *hidden;
  return states.index_select(0, first_rows);
}

absl::StatusOr<at::Tensor> Smith::EncodeBlocks(const at::Tensor& blocks, const PackedBatch& batch,
                                               const std::vector<int32_t>& first_block,
                                               const std::vector<int32_t>& block_numbers,
                                               const SmithForwardOptions& options) const {
  at::Tensor input = blocks;
  if (options.masked_blocks != nullptr) {
    at::Tensor is_masked = at::zeros({blocks.size(0), 1}, at::kBool);
    for (int64_t b = 0; b < batch.num_documents(); ++b) {
      for (int32_t number : (*options.masked_blocks)[b]) {
        if (number < first_block[b + 1] - first_block[b]) is_masked[first_block[b] + number] = true;
      }
    }
    input = at::where(is_masked, weights_.sentence_mask, blocks);
  }
  auto plan = BlockPlan(first_block);
  if (!plan.ok()) return plan.status();
  const at::Tensor placed =
      input + at::embedding(weights_.block_positions, IndexTensor(block_numbers));
  return RunLayers(weights_.document_layers, config_.document, *plan, options, "document",
                   Dropout(Normalize(weights_.block_norm, NormKind::kLayerNorm,
                                     SmithLayerSpec(config_.document).epsilon, placed),
                           options.dropout));
}

at::Tensor Smith::Combine(const at::Tensor& document_level, const at::Tensor& blocks,
                          const std::vector<int32_t>& first_block,
                          const SmithForwardOptions& options) const {
  if (config_.combine_mode == SmithCombineMode::kNormal) return document_level;
  const int32_t all = config_.loop_sent_number_per_doc;
  const at::Tensor padding =
      options.padding_block.defined() ? options.padding_block : PaddingBlock();
  std::vector<at::Tensor> combined;
  for (size_t b = 0; b + 1 < first_block.size(); ++b) {
    const int32_t count = first_block[b + 1] - first_block[b];
    at::Tensor rows = blocks.narrow(0, first_block[b], count);
    // One row stands for all padding blocks.
    const int32_t missing = all - count;
    if (missing > 0) rows = at::cat({rows, padding.unsqueeze(0)});
    at::Tensor weight = at::ones({rows.size(0)}, rows.options());
    if (missing > 0) weight[count].fill_(static_cast<double>(missing));
    if (config_.combine_mode == SmithCombineMode::kMeanConcat) weight /= static_cast<double>(all);
    if (config_.combine_mode == SmithCombineMode::kAttention) {
      const at::Tensor score =
          (at::tanh(Apply(weights_.combine_dense, rows)) * weights_.combine_context).sum(-1);
      weight = at::softmax(score + weight.log(), 0);
    }
    combined.push_back(at::matmul(weight, rows));
  }
  return at::cat({at::stack(combined), document_level}, /*dim=*/1);
}

at::Tensor Smith::PaddingBlock() const {
  PackedBatch batch;
  std::vector<int32_t> parents;
  for (int32_t t = 0; t < config_.max_sent_length_by_word; ++t) {
    batch.token_ids.push_back(config_.pad_token_id);
    batch.roles.push_back(t == 0 ? TokenRole::kSentenceAnchor : TokenRole::kSeparator);
    batch.positions.push_back({t, 0, 0});
    parents.push_back(t == 0 ? -1 : 0);
  }
  batch.cu_seqlens = {0, config_.max_sent_length_by_word};
  batch.plan = kernels::StructurePlan::Build({parents, batch.cu_seqlens}).value();
  at::Tensor states;
  const at::Tensor first =
      EncodeTokens(batch, at::zeros({1}, at::kLong), SmithForwardOptions(), states).value();
  return PooledVector(weights_.pooler, weights_.block_dense, first)[0];
}

at::Tensor Smith::MatchLogits(const at::Tensor& first, const at::Tensor& second) const {
  return (first * second).sum(-1) * config_.similarity_score_amplifier;
}

}  // namespace strata::models
