// HAT (arXiv 2210.05529), §3; coastalcph/hierarchical-transformers, HATModel.
//
//   x_0 = LayerNorm(E[token] + T[type] + P_token[position in the segment])
//   layer i, as encoder_layout[i] says:
//     inside segments   h_t ← Layer(h_t, attending to the tokens of its segment)
//     across segments   f_j ← Layer(f_j + P[j + 1], attending to the first tokens f of all
//     segments)
//                       and the result replaces the first token's state, position included
//   Layer: the post-norm layer of RoBERTa (models/layers/transformer_layer.h)
//
// Quirks of the reference that are kept: a segment of padding has a first token, which asks in the
// cross-segment encoder and is seen by max and attentive pooling; where all keys are masked,
// attention is uniform over all places, masked or not (hat_document.h); P is added at every
// cross-segment layer, and P[0] to a first token that is masked. The row of the pad id gets no
// gradient in the word table, the token position table and P, where with RoBERTa's pad id 1 it is
// the first segment's. Switch: cross_segment_positions (hat_config.h), without P as before January
// 2024. Not imitated: hidden states of a layer written into by the next; dropout of the attention
// probabilities (attention_probs_dropout_prob).
#include "models/hat/hat.h"

#include <cmath>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/hat/hat_attention.h"
#include "models/layers/layers.h"

namespace strata::models {
namespace {

constexpr char kPrefix[] = "hi_transformer.";

at::Tensor IdTensor(const std::vector<int32_t>& values) {
  return at::tensor(at::ArrayRef<int32_t>(values), at::kInt);
}

bool SameBytes(const TensorView& a, const TensorView& b) {
  return a.type == b.type && a.shape == b.shape && a.size_bytes == b.size_bytes &&
         std::memcmp(a.data, b.data, static_cast<size_t>(a.size_bytes)) == 0;
}

// Leaves every tensor under its first name only.
absl::Status MergeAliases(const HatConfig& config, const HatHeads& heads, const std::string& prefix,
                          const std::string& where, TensorMap& checkpoint) {
  for (const auto& [first, other] : HatAliases(config, heads, prefix)) {
    const auto found = checkpoint.find(other);
    if (found == checkpoint.end()) continue;
    const auto original = checkpoint.find(first);
    const bool is_read =
        config.adds_cross_positions || !absl::EndsWith(other, "position_embeddings.weight");
    if (original == checkpoint.end()) {
      checkpoint.emplace(first, found->second);
    } else if (is_read && !SameBytes(original->second, found->second)) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": weights '", first, "' and '", other,
                       "' are one tensor in HAT, but the file holds different values"));
    }
    checkpoint.erase(other);
  }
  return absl::OkStatus();
}

bool IsHeadKey(const std::string& key) {
  for (const char* head : {"lm_head.", "pooler.", "sentencizer.", "classifier.", "qa_outputs.",
                           "lwan.", "document_cls.", "sentence_cls."}) {
    if (absl::StartsWith(key, head)) return true;
  }
  return false;
}

}  // namespace

HatHeads Hat::HeadsIn(const TensorMap& checkpoint) {
  HatHeads heads;
  heads.masked_lm = checkpoint.contains("lm_head.dense.weight");
  heads.pooler = checkpoint.contains("pooler.dense.weight");
  heads.attentive = checkpoint.contains("pooler.attentive_pooling.v.weight");
  heads.sentencizer = checkpoint.contains("sentencizer.dense.weight");
  heads.spans = checkpoint.contains("qa_outputs.weight");
  heads.label_attention = checkpoint.contains("lwan.U.weight");
  const auto classifier =
      checkpoint.find(heads.label_attention ? "lwan.U.weight" : "classifier.weight");
  if (classifier != checkpoint.end() && classifier->second.shape.size() == 2) {
    heads.num_classes = classifier->second.shape[0];
  }
  return heads;
}

absl::StatusOr<Hat> Hat::Load(const HatConfig& config, const HatHeads& heads,
                              const TensorMap& checkpoint,
                              const std::function<bool(const std::string&)>& ignored,
                              const std::string& where, HatLoadReport* report) {
  const std::string prefix =
      checkpoint.contains("hi_transformer.embeddings.word_embeddings.weight") ? kPrefix : "";
  TensorMap named = checkpoint;  // views; no weight is copied
  if (absl::Status status = MergeAliases(config, heads, prefix, where, named); !status.ok()) {
    return status;
  }
  const auto is_unused = [&](const std::string& key) {
    return IsHeadKey(key) || absl::EndsWith(key, "embeddings.position_ids") ||
           (ignored && ignored(key));
  };
  // Sizes of a wrong config.json are found before they are allocated.
  HatWeights shapes;
  shapes.layers.resize(config.encoder_layout.size());
  const absl::Status fits = CheckWeights(
      HatWeightTable(config, heads, prefix, report != nullptr, shapes), named, is_unused, where);
  if (!fits.ok()) return fits;

  Hat model(config, heads, AllocateHatWeights(config, heads));
  const std::vector<WeightEntry> table =
      HatWeightTable(config, heads, prefix, report != nullptr, model.weights_);
  const absl::Status loaded = LoadWeights(table, named, is_unused, where);
  if (!loaded.ok()) return loaded;
  if (report != nullptr) {
    std::vector<WeightEntry> fresh;
    for (const WeightEntry& entry : table) {
      if (named.contains(entry.key)) {
        named.erase(entry.key);
      } else {
        fresh.push_back(entry);
        report->initialized.push_back(entry.key);
      }
    }
    InitializeHatWeights(config, fresh);
    for (const auto& [key, view] : named) {
      if (IsHeadKey(key) && !(ignored && ignored(key))) report->unused.push_back(key);
    }
  }
  return model;
}

absl::StatusOr<at::Tensor> Hat::Forward(const HatBatch& batch,
                                        const HatForwardOptions& options) const {
  if (absl::Status status = CheckRows(batch); !status.ok()) return status;
  TransformerLayerSpec spec = HatLayerSpec(config_);
  spec.dropout = options.dropout;
  const at::Tensor first_rows = IdTensor(batch.first_rows).to(at::kLong);
  at::Tensor places;
  if (config_.has_cross_positions()) {
    places = at::embedding(weights_.cross_positions, IdTensor(batch.cross_positions),
                           config_.pad_token_id);
  }
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_size()));
  TreePass within(batch.within.plan, config_.num_attention_heads, config_.head_size(), scale);
  TreePass across(batch.across.plan, config_.num_attention_heads, config_.head_size(), scale);
  at::Tensor hidden = Embed(batch, options.dropout);
  for (size_t n = 0; n < weights_.layers.size(); ++n) {
    if (options.cancelled && options.cancelled()) {
      return absl::CancelledError(absl::StrCat("stopped before layer ", n));
    }
    HatLayerMaps* maps = options.maps == nullptr ? nullptr : &options.maps->emplace_back();
    const HatLayerWeights& layer = weights_.layers[n];
    if (config_.encoder_layout[n].has_segment_encoder) {
      const absl::Status status = Encode(layer.segment, spec, batch.within, within,
                                         maps == nullptr ? nullptr : &maps->within, hidden);
      if (!status.ok()) return status;
    }
    if (!config_.encoder_layout[n].has_cross_encoder) continue;
    at::Tensor firsts = hidden.index_select(0, first_rows);
    if (places.defined()) firsts = firsts + places;
    const absl::Status status = Encode(layer.cross, spec, batch.across, across,
                                       maps == nullptr ? nullptr : &maps->across, firsts);
    if (!status.ok()) return status;
    hidden = is_packed_ ? hidden.index_copy_(0, first_rows, firsts)
                        : hidden.index_copy(0, first_rows, firsts);
  }
  return hidden;
}

absl::Status Hat::PackForInference(kernels::WeightType type) {
  for (size_t n = 0; n < weights_.layers.size(); ++n) {
    for (const auto& [has_encoder, encoder] :
         {std::pair{config_.encoder_layout[n].has_segment_encoder, &weights_.layers[n].segment},
          {config_.encoder_layout[n].has_cross_encoder, &weights_.layers[n].cross}}) {
      if (!has_encoder) continue;
      const absl::Status status =
          models::PackForInference(HatLayerSpec(config_), encoder->layer, type);
      if (!status.ok()) return status;
    }
  }
  is_packed_ = true;
  return absl::OkStatus();
}

absl::Status Hat::CheckRows(const HatBatch& batch) const {
  const auto check = [](const char* what, const std::vector<int32_t>& values,
                        int64_t size) -> absl::Status {
    for (size_t t = 0; t < values.size(); ++t) {
      if (values[t] >= 0 && values[t] < size) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(what, " ", values[t], " of row ", t, " is outside its table of ", size,
                       " rows; do tokenizer and model belong together?"));
    }
    return absl::OkStatus();
  };
  absl::Status status = check("token id", batch.token_ids, config_.vocab_size);
  if (status.ok() && config_.position_embedding_type == HatPositions::kAbsolute) {
    status = check("position", batch.positions,
                   int64_t{config_.max_sentence_length} + config_.pad_token_id + 1);
  }
  if (status.ok()) status = check("token type", batch.token_types, config_.type_vocab_size);
  if (status.ok() && config_.has_cross_positions()) {
    status = check("segment number", batch.cross_positions, int64_t{config_.max_sentences} + 1);
  }
  if (config_.position_embedding_type == HatPositions::kAbsolute) return status;
  if (status.ok()) {
    status = check("place in a segment", batch.within.indices, config_.max_position_embeddings);
  }
  if (status.ok() && config_.has_cross_encoder()) {
    status = check("segment number", batch.across.indices, config_.max_position_embeddings);
  }
  return status;
}

at::Tensor Hat::Embed(const HatBatch& batch, double dropout) const {
  const int64_t pad = config_.pad_token_id;
  at::Tensor sum = at::embedding(weights_.word_embeddings, IdTensor(batch.token_ids), pad) +
                   at::embedding(weights_.token_type_embeddings, IdTensor(batch.token_types));
  if (config_.position_embedding_type == HatPositions::kAbsolute) {
    sum = sum + at::embedding(weights_.position_embeddings, IdTensor(batch.positions), pad);
  }
  if (is_packed_) {
    NormalizeInPlace(weights_.embedding_norm, NormKind::kLayerNorm, config_.layer_norm_eps, sum);
    return sum;
  }
  return Dropout(
      Normalize(weights_.embedding_norm, NormKind::kLayerNorm, config_.layer_norm_eps, sum),
      dropout);
}

absl::Status Hat::Encode(const HatEncoderWeights& encoder, const TransformerLayerSpec& spec,
                         const AttentionSets& sets, TreePass& tree, std::vector<at::Tensor>* maps,
                         at::Tensor& x) const {
  const HatAttentionParams params{config_.num_attention_heads, config_.head_size(),
                                  config_.position_embedding_type, encoder.distances};
  const bool is_tree = params.positions == HatPositions::kAbsolute && sets.guests.empty();
  if (is_tree && maps == nullptr) return tree.Apply(spec, encoder.layer, x);
  const at::Tensor qkv = ProjectQkv(spec, encoder.layer, x);
  if (maps != nullptr) *maps = HatAttentionMaps(params, qkv, sets);
  x = FinishLayer(spec, encoder.layer, x, HatAttention(params, tree, qkv, sets));
  return absl::OkStatus();
}

}  // namespace strata::models
