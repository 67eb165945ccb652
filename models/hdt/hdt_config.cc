#include "models/hdt/hdt_config.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/attention/block_sparse_attention.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

constexpr int32_t kMaxLayers = 1000;
constexpr int32_t kMaxHeads = 4096;
constexpr int32_t kMaxBuckets = 4096;

// Sizes that nothing in a checkpoint bears out before they cost memory, and a bias that is computed
// with tables too small for its formula.
void CheckLimits(ConfigFields& fields, const HdtConfig& config) {
  const auto at_most = [&](const char* name, int32_t value, int32_t limit) {
    if (value > limit) fields.Fail(name, absl::StrCat("is ", value, "; at most ", limit));
  };
  at_most("num_layers", config.num_layers, kMaxLayers);
  at_most("num_decoder_layers", config.num_decoder_layers, kMaxLayers);
  at_most("num_heads", config.num_heads, kMaxHeads);
  const int32_t buckets = config.relative_attention_num_buckets;
  at_most("relative_attention_num_buckets", buckets, kMaxBuckets);
  // A half of a direction's buckets is for exact distances: there must be one.
  const int32_t least = !config.is_hierarchical ? 4 : config.is_encoder_decoder ? 2 : 1;
  if (buckets < least) {
    fields.Fail(
        "relative_attention_num_buckets",
        absl::StrCat("is ", buckets, "; this model's position bias needs at least ", least));
  }
}

}  // namespace

absl::StatusOr<HdtPooling> ParseHdtPooling(const std::string& pool_scheme) {
  if (pool_scheme == "first-token") return HdtPooling::kFirstToken;
  if (pool_scheme == "avg") return HdtPooling::kMeanAllRows;
  if (pool_scheme == "max") return HdtPooling::kMaxAllRows;
  if (pool_scheme == "hier_1") return HdtPooling::kSentenceAnchors;
  if (pool_scheme == "hier_2") return HdtPooling::kSectionAnchors;
  if (pool_scheme == "hier_3") return HdtPooling::kDocumentAnchor;
  return absl::InvalidArgumentError(absl::StrCat(
      "pool_scheme '", pool_scheme, "' is none of first-token, avg, max, hier_1, hier_2, hier_3"));
}

absl::StatusOr<HdtConfig> ParseHdtConfig(const std::string& json, const std::string& where) {
  HdtConfig config;
  ConfigFields fields(json, where);
  fields.Size("vocab_size", 1, config.vocab_size);
  fields.Size("d_model", 1, config.d_model);
  fields.Size("hidden_size", 1, config.d_model);  // the library's alias
  fields.Size("d_kv", 1, config.d_kv);
  fields.Size("d_ff", 1, config.d_ff);
  fields.Size("num_layers", 1, config.num_layers);
  fields.Size("num_hidden_layers", 1, config.num_layers);
  config.num_decoder_layers = config.num_layers;
  fields.Size("num_decoder_layers", 0, config.num_decoder_layers);
  fields.Size("num_heads", 1, config.num_heads);
  fields.Size("num_attention_heads", 1, config.num_heads);
  fields.Size("relative_attention_num_buckets", 1, config.relative_attention_num_buckets);
  fields.Size("relative_attention_max_distance", 1, config.relative_attention_max_distance);
  fields.Number("layer_norm_epsilon", config.layer_norm_epsilon);
  fields.Number("dropout_rate", config.dropout_rate);
  fields.Size("max_decoder_position_embeddings", 1, config.max_decoder_position_embeddings);
  fields.Size("pad_token_id", 0, config.pad_token_id);
  fields.Size("bos_token_id", 0, config.decoder_start_token_id);
  const nlohmann::json* end = fields.Find("eos_token_id");
  if (fields.IsNull("eos_token_id") || (end != nullptr && end->is_array())) {
    config.eos_token_id = -1;
  } else {
    fields.Size("eos_token_id", 0, config.eos_token_id);
  }
  fields.Flag("is_hierarchical", config.is_hierarchical);
  fields.Flag("is_encoder_decoder", config.is_encoder_decoder);
  fields.Flag("tie_word_embeddings", config.tie_word_embeddings);
  fields.Flag("decode_anchor_tokens", config.decode_anchor_tokens);
  std::string positions = "absolute";
  fields.Text("position_embedding_type", positions);
  std::string feed_forward = "relu";
  fields.Text("feed_forward_proj", feed_forward);
  std::string pooling = "first-token";
  fields.Text("pool_scheme", pooling);
  fields.Labels(config.labels);
  if (ArePlaceholderLabels(config.labels)) config.labels.clear();
  config.architecture = fields.Architecture();
  if (!fields.status().ok()) return fields.status();

  if (positions != "absolute") {
    return absl::UnimplementedError(absl::StrCat(where, ": position_embedding_type '", positions,
                                                 "' is not there; HDT has 'absolute' only"));
  }
  // The reference reads "gated-gelu" as the tanh form and plain "gelu" as the erf form.
  absl::string_view name = feed_forward;
  config.is_gated = absl::ConsumePrefix(&name, "gated-");
  auto activation =
      ParseActivation(config.is_gated && name == "gelu" ? "gelu_new" : std::string(name));
  if (!activation.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": feed_forward_proj: ", activation.status().message()));
  }
  config.activation = *activation;
  auto pool_scheme = ParseHdtPooling(pooling);
  if (!pool_scheme.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", pool_scheme.status().message()));
  }
  config.pool_scheme = *pool_scheme;
  config.prediction_head = !config.is_encoder_decoder;
  if (!(config.layer_norm_epsilon > 0)) fields.Fail("layer_norm_epsilon", "must be above 0");
  if (!(config.dropout_rate >= 0 && config.dropout_rate < 1)) {
    fields.Fail("dropout_rate", "must be in [0, 1)");
  }
  if (config.d_kv > kernels::kMaxHeadSize) {
    fields.Fail("d_kv", absl::StrCat("is ", config.d_kv, ", the attention kernels take up to ",
                                     kernels::kMaxHeadSize));
  }
  CheckLimits(fields, config);
  // The dense attention of the reference divides by sqrt(d_model // num_heads).
  if (config.num_heads > config.d_model && (config.is_encoder_decoder || !config.is_hierarchical)) {
    fields.Fail("num_heads",
                absl::StrCat("is ", config.num_heads, ", over d_model ", config.d_model));
  }
  if (!fields.status().ok()) return fields.status();
  return config;
}

}  // namespace strata::models
