// HDT (arXiv 2407.08330), §3; autonomousvision/hdt, HDTEncoderModel.
//
//   x_0 = RMSNorm(E[token] + a · Σ_l PE(position_l))
//   h ← h + O · Attention(Q, K, V of RMSNorm(h))          who attends to whom: the document's tree
//   h ← h + FF(RMSNorm(h))                                FF: wo · act(wi·x), or gated
//   y = RMSNorm(h_L)
//
// Quirks of the reference that are kept: no position bias in tree mode although block 0 carries the
// table; scores divided by sqrt(d_kv) in tree mode, but by sqrt(d_model // num_heads) in flat mode;
// `avg` and `max` pooling see padding rows; `hier_3` counts a global query's tokens as well.
#include "models/hdt/hdt.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/attention/block_sparse_attention.h"
#include "models/layers/dense_attention.h"
#include "models/layers/layers.h"
#include "models/layers/relative_position_bias.h"
#include "models/layers/tree_pass.h"

namespace strata::models {
namespace {

// What the reference adds to the score of a hidden token.
constexpr float kLowest = std::numeric_limits<float>::lowest();

at::Tensor IdTensor(const std::vector<int32_t>& values) {
  return at::from_blob(const_cast<int32_t*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kInt)
      .clone();
}

at::Tensor PositionTensor(const std::vector<std::array<int32_t, 3>>& positions) {
  return at::from_blob(const_cast<std::array<int32_t, 3>*>(positions.data()),
                       {static_cast<int64_t>(positions.size()), 3}, at::kInt)
      .clone();
}

}  // namespace

absl::StatusOr<Hdt> Hdt::Load(const HdtConfig& config, const HdtHeads& heads,
                              const TensorMap& checkpoint,
                              const std::function<bool(const std::string&)>& ignored,
                              const std::string& where) {
  const std::string prefix = checkpoint.contains("model.shared.weight") ? "model." : "";
  HdtWeights weights;
  weights.layers.resize(static_cast<size_t>(config.num_layers));
  const absl::Status status = LoadNewWeights(
      HdtWeightTable(config, heads, prefix, weights), checkpoint,
      [&](const std::string& key) {
        return IsIgnoredHdtKey(key, heads) || (ignored && ignored(key));
      },
      where);
  if (!status.ok()) return status;
  FillAbsentHdtWeights(config, heads, weights);
  return Hdt(config, heads, std::move(weights));
}

absl::StatusOr<at::Tensor> Hdt::Forward(const PackedBatch& batch,
                                        const HdtForwardOptions& options) const {
  for (size_t t = 0; t < batch.token_ids.size(); ++t) {
    if (batch.token_ids[t] < 0 || batch.token_ids[t] >= config_.vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", t, " has id ", batch.token_ids[t], ", outside the vocabulary of ",
                       config_.vocab_size, "; do tokenizer and model belong together?"));
    }
  }
  const bool is_packed = sinusoids_ != nullptr;
  at::Tensor hidden = is_packed ? EmbedPacked(batch)
                                : Embed(IdTensor(batch.token_ids), PositionTensor(batch.positions),
                                        options.dropout);
  TransformerLayerSpec spec = HdtLayerSpec(config_);
  spec.dropout = spec.inner_dropout = options.dropout;
  TreePass tree(batch.plan, config_.num_heads, config_.d_kv,
                1.0 / std::sqrt(static_cast<double>(config_.d_kv)));
  for (size_t n = 0; n < weights_.layers.size(); ++n) {
    if (options.cancelled && options.cancelled()) {
      return absl::CancelledError(absl::StrCat("stopped before layer ", n));
    }
    const TransformerLayer& layer = weights_.layers[n];
    const bool wants_probabilities =
        options.probabilities != nullptr && options.probabilities->contains(static_cast<int>(n));
    if (config_.is_hierarchical && !wants_probabilities) {
      const absl::Status status = tree.Apply(spec, layer, hidden);
      if (!status.ok()) return status;
      continue;
    }
    const at::Tensor qkv = ProjectQkv(spec, layer, hidden);
    at::Tensor* probabilities = nullptr;
    if (wants_probabilities) probabilities = &(*options.probabilities)[static_cast<int>(n)];
    if (wants_probabilities && config_.is_hierarchical) {
      auto computed = Probabilities(qkv, batch);
      if (!computed.ok()) return computed.status();
      *probabilities = *std::move(computed);
    }
    const at::Tensor attended = config_.is_hierarchical
                                    ? tree.Attend(qkv)
                                    : FlatAttention(qkv, batch, options, probabilities);
    hidden = FinishLayer(spec, layer, hidden, attended);
  }
  if (is_packed) {
    NormalizeInPlace({weights_.final_layer_norm, {}}, NormKind::kRmsNorm,
                     config_.layer_norm_epsilon, hidden);
    return hidden;
  }
  return Dropout(RmsNorm(hidden, weights_.final_layer_norm, config_.layer_norm_epsilon),
                 options.dropout);
}

absl::Status Hdt::PackForInference(kernels::WeightType type) {
  for (TransformerLayer& layer : weights_.layers) {
    const absl::Status status = models::PackForInference(HdtLayerSpec(config_), layer, type);
    if (!status.ok()) return status;
  }
  // Positions count siblings: most are below, the others are computed where they occur.
  constexpr int kHeldPositions = 1024;
  const at::Tensor frequencies = SinusoidFrequencies(config_.d_model);
  const float* data = frequencies.const_data_ptr<float>();
  sinusoids_ = std::make_shared<const kernels::SinusoidTable>(
      std::vector<float>(data, data + frequencies.numel()), config_.d_model, kHeldPositions);
  return absl::OkStatus();
}

at::Tensor Hdt::Embed(const at::Tensor& token_ids, const at::Tensor& positions,
                      double dropout) const {
  const at::Tensor tokens = at::embedding(weights_.shared, token_ids);
  const at::Tensor places = SinusoidPositions(positions, config_.d_model);
  return Dropout(RmsNorm(tokens + weights_.scale_factor * places, weights_.emb_norm,
                         config_.layer_norm_epsilon),
                 dropout);
}

at::Tensor Hdt::EmbedPacked(const PackedBatch& batch) const {
  kernels::SinusoidEmbedding embedding;
  embedding.tokens = weights_.shared.const_data_ptr<float>();
  embedding.positions = sinusoids_.get();
  embedding.position_scale = weights_.scale_factor.item<float>();
  embedding.norm.kind = NormKind::kRmsNorm;
  embedding.norm.weight = weights_.emb_norm.const_data_ptr<float>();
  embedding.norm.epsilon = static_cast<float>(config_.layer_norm_epsilon);
  embedding.norm.size = config_.d_model;
  at::Tensor hidden = at::empty({batch.num_tokens(), config_.d_model}, at::kFloat);
  kernels::EmbedRows(embedding, batch.token_ids, batch.positions, hidden.mutable_data_ptr<float>(),
                     *kernels::SharedThreadPool());
  return hidden;
}

at::Tensor Hdt::FlatAttention(const at::Tensor& qkv, const PackedBatch& batch,
                              const HdtForwardOptions& pass, at::Tensor* probabilities) const {
  const at::Tensor heads = qkv.view({qkv.size(0), 3, config_.num_heads, config_.d_kv});
  if (probabilities != nullptr) {
    *probabilities = at::zeros({config_.num_heads, qkv.size(0), qkv.size(0)});
  }
  std::vector<at::Tensor> documents;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const int64_t first = batch.cu_seqlens[b], length = batch.cu_seqlens[b + 1] - first;
    const at::Tensor rows = heads.narrow(0, first, length).permute({1, 2, 0, 3});
    at::Tensor of_document;
    DenseAttentionOptions options;
    options.scale = 1.0 / std::sqrt(static_cast<double>(config_.d_model / config_.num_heads));
    options.bias =
        RelativePositionBias(weights_.relative_attention_bias, length, length,
                             /*bidirectional=*/true, config_.relative_attention_max_distance);
    if (pass.hidden.defined()) {
      const at::Tensor hidden = pass.hidden.narrow(0, first, length).to(at::kFloat);
      options.bias = options.bias + hidden * static_cast<double>(kLowest);
    }
    options.dropout = pass.dropout;
    options.probabilities = &of_document;
    documents.push_back(DenseAttention(rows[0], rows[1], rows[2], options));
    if (probabilities != nullptr) {
      probabilities->narrow(1, first, length).narrow(2, first, length).copy_(of_document);
    }
  }
  return at::cat(documents, 0);
}

absl::StatusOr<at::Tensor> Hdt::Probabilities(const at::Tensor& qkv,
                                              const PackedBatch& batch) const {
  const int64_t tokens = qkv.size(0);
  at::Tensor probabilities = at::empty({config_.num_heads, tokens, tokens});
  kernels::AttentionParams params;
  params.q = qkv.const_data_ptr<float>();
  params.k = params.q + config_.inner_size();
  params.q_stride = params.k_stride = qkv.stride(0);
  params.num_heads = config_.num_heads;
  params.head_size = config_.d_kv;
  params.scale = 1.0f / std::sqrt(static_cast<float>(config_.d_kv));
  const absl::Status status = kernels::AttentionProbabilities(
      params, *batch.plan, tokens, probabilities.mutable_data_ptr<float>());
  if (!status.ok()) return status;
  return probabilities;
}

at::Tensor Hdt::PaddingState() const {
  at::Tensor hidden = Embed(at::full({1}, config_.pad_token_id, at::kInt),
                            at::zeros({1, 3}, at::kInt), /*dropout=*/0);
  const at::Tensor no_context = at::zeros({1, config_.inner_size()});
  for (const TransformerLayer& layer : weights_.layers) {
    hidden = FinishLayer(HdtLayerSpec(config_), layer, hidden, no_context);
  }
  return RmsNorm(hidden, weights_.final_layer_norm, config_.layer_norm_epsilon)[0];
}

at::Tensor Hdt::Pool(const at::Tensor& states, const PackedBatch& batch, HdtPooling pooling,
                     const std::vector<int64_t>& num_padding) const {
  std::vector<at::Tensor> pooled;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    const int64_t begin = batch.cu_seqlens[b], end = batch.cu_seqlens[b + 1];
    const int64_t padding = num_padding.empty() ? 0 : num_padding[b];
    const at::Tensor rows = states.narrow(0, begin, end - begin);
    const auto mean_of = [&](auto&& chosen) {
      std::vector<int64_t> indices;
      for (int64_t t = begin; t < end; ++t) {
        if (chosen(batch.roles[t])) indices.push_back(t - begin);
      }
      return rows.index_select(0, at::tensor(indices, at::kLong)).mean(0);
    };
    switch (pooling) {
      case HdtPooling::kFirstToken:
        pooled.push_back(rows[0]);
        break;
      case HdtPooling::kMeanAllRows: {
        at::Tensor sum = rows.sum(0);
        if (padding > 0) sum = sum + static_cast<double>(padding) * PaddingState();
        pooled.push_back(sum / static_cast<double>(end - begin + padding));
        break;
      }
      case HdtPooling::kMaxAllRows: {
        at::Tensor largest = rows.amax(0);
        if (padding > 0) largest = at::maximum(largest, PaddingState());
        pooled.push_back(largest);
        break;
      }
      case HdtPooling::kSentenceAnchors:
        pooled.push_back(mean_of([](TokenRole r) { return r == TokenRole::kSentenceAnchor; }));
        break;
      case HdtPooling::kSectionAnchors:
        pooled.push_back(mean_of([](TokenRole r) { return r == TokenRole::kSectionAnchor; }));
        break;
      case HdtPooling::kDocumentAnchor:
        pooled.push_back(mean_of([](TokenRole r) {
          return r == TokenRole::kDocumentAnchor || r == TokenRole::kGlobalQuery;
        }));
        break;
    }
  }
  return at::tanh(at::linear(at::stack(pooled), weights_.pooler_weight, weights_.pooler_bias));
}

at::Tensor Hdt::MaskedLmLogits(const at::Tensor& states) const {
  const int64_t d = config_.d_model;
  at::Tensor y =
      at::layer_norm(states, {d}, weights_.mlm_norm_weight, weights_.mlm_norm_bias, 1e-5);
  if (config_.prediction_head) {
    y = Activate(at::linear(y, weights_.transform_weight, weights_.transform_bias),
                 config_.activation);
    y = at::layer_norm(y, {d}, weights_.transform_norm_weight, weights_.transform_norm_bias,
                       config_.layer_norm_epsilon);
  }
  return at::linear(y, config_.tie_word_embeddings ? weights_.shared : weights_.decoder_weight,
                    weights_.decoder_bias);
}

}  // namespace strata::models
