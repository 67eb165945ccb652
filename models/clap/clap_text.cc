// Post-norm transformer layers over word + position + type embeddings; every token of a text
// attends to all of it. pooled = tanh(Wp·h(<s>)), embedding = W2·act(W1·pooled).
#include "models/clap/clap_text.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

std::string TextPart(const std::string& json) {
  const nlohmann::json config = nlohmann::json::parse(json, nullptr, false);
  if (config.is_object() && config.contains("text_config")) return config["text_config"].dump();
  return json;
}

TransformerLayerSpec LayerSpec(const ClapTextConfig& config) {
  TransformerLayerSpec spec;
  spec.norm_place = NormPlace::kAfter;
  spec.epsilon = config.layer_norm_eps;
  spec.activation = config.activation;
  return spec;
}

// qkv [T, 3C] of all texts → context [T, C].
at::Tensor Attend(const at::Tensor& qkv, int64_t num_heads, const std::vector<int64_t>& lengths) {
  const int64_t channels = qkv.size(1) / 3;
  std::vector<at::Tensor> contexts;
  for (const at::Tensor& rows : qkv.split_with_sizes(lengths)) {
    const at::Tensor heads =
        rows.view({rows.size(0), 3, num_heads, channels / num_heads}).permute({1, 2, 0, 3});
    contexts.push_back(at::scaled_dot_product_attention(
                           heads[0].unsqueeze(0), heads[1].unsqueeze(0), heads[2].unsqueeze(0))
                           .squeeze(0)
                           .transpose(0, 1)
                           .reshape({rows.size(0), channels}));
  }
  return at::cat(contexts, 0);
}

}  // namespace

absl::StatusOr<ClapTextConfig> ParseClapTextConfig(const std::string& json,
                                                   const std::string& where) {
  ClapTextConfig config;
  ConfigFields fields(TextPart(json), where);
  fields.Size("vocab_size", 1, config.vocab_size);
  fields.Size("hidden_size", 1, config.hidden_size);
  fields.Size("num_hidden_layers", 1, config.num_hidden_layers);
  fields.Size("num_attention_heads", 1, config.num_attention_heads);
  fields.Size("intermediate_size", 1, config.intermediate_size);
  fields.Size("max_position_embeddings", 1, config.max_position_embeddings);
  fields.Size("type_vocab_size", 1, config.type_vocab_size);
  fields.Size("pad_token_id", 0, config.pad_token_id);
  fields.Size("projection_dim", 1, config.projection_dim);
  fields.Number("layer_norm_eps", config.layer_norm_eps);
  std::string activation = "gelu", projection = "relu";
  fields.Text("hidden_act", activation);
  fields.Text("projection_hidden_act", projection);
  if (!fields.status().ok()) return fields.status();
  for (const auto& [name, given, target] :
       {std::tuple{"hidden_act", &activation, &config.activation},
        std::tuple{"projection_hidden_act", &projection, &config.projection_activation}}) {
    auto parsed = ParseActivation(*given);
    if (parsed.ok()) {
      *target = *parsed;
    } else {
      fields.Fail(name, parsed.status().message());
    }
  }
  if (config.hidden_size % config.num_attention_heads != 0) {
    fields.Fail("num_attention_heads",
                absl::StrCat(config.num_attention_heads, " does not divide hidden_size ",
                             config.hidden_size));
  }
  if (config.hidden_size > (1 << 15) || config.num_hidden_layers > 256) {
    fields.Fail("hidden_size", "is over 32768, or num_hidden_layers over 256");
  }
  if (config.max_tokens() < 1) {
    fields.Fail("max_position_embeddings",
                absl::StrCat("is ", config.max_position_embeddings, ", positions begin at ",
                             config.pad_token_id + 1));
  }
  if (!(config.layer_norm_eps > 0)) fields.Fail("layer_norm_eps", "must be above 0");
  if (!fields.status().ok()) return fields.status();
  return config;
}

ClapText::ClapText(ClapTextConfig config, bool has_projection)
    : config_(std::move(config)), has_projection_(has_projection) {
  weights_.layers.resize(static_cast<size_t>(config_.num_hidden_layers));
}

void ClapText::Bind(const std::string& prefix, WeightBinder& binder) {
  const int64_t c = config_.hidden_size, projection = config_.projection_dim;
  const std::string embeddings = prefix + "embeddings.";
  binder.Tensor(weights_.words, embeddings + "word_embeddings.weight", {config_.vocab_size, c});
  binder.Tensor(weights_.positions, embeddings + "position_embeddings.weight",
                {config_.max_position_embeddings, c});
  binder.Tensor(weights_.types, embeddings + "token_type_embeddings.weight",
                {config_.type_vocab_size, c});
  binder.Norm(weights_.embedding_norm, embeddings + "LayerNorm", c);
  for (size_t n = 0; n < weights_.layers.size(); ++n) {
    TransformerLayer& layer = weights_.layers[n];
    const std::string at = absl::StrCat(prefix, "encoder.layer.", n, ".");
    const std::string self = at + "attention.self.";
    binder.Rows(layer.qkv, {self + "query", self + "key", self + "value"}, c, c, true);
    binder.Linear(layer.attention_out, at + "attention.output.dense", c, c);
    binder.Norm(layer.attention_norm, at + "attention.output.LayerNorm", c);
    binder.Linear(layer.feed_forward_in, at + "intermediate.dense", config_.intermediate_size, c);
    binder.Linear(layer.feed_forward_out, at + "output.dense", c, config_.intermediate_size);
    binder.Norm(layer.feed_forward_norm, at + "output.LayerNorm", c);
  }
  binder.Linear(weights_.pooler, prefix + "pooler.dense", c, c);
  if (!has_projection_) return;
  binder.Linear(weights_.projection_in, "text_projection.linear1", projection, c);
  binder.Linear(weights_.projection_out, "text_projection.linear2", projection, projection);
}

absl::StatusOr<ClapText> ClapText::Load(const ClapTextConfig& config, const TensorMap& checkpoint,
                                        const std::string& where) {
  // A bare ClapTextModel has no prefix.
  const std::string prefix =
      checkpoint.contains("embeddings.word_embeddings.weight") ? "" : "text_model.";
  ClapText model(config, checkpoint.contains("text_projection.linear1.weight"));
  const auto ignored = [&](const std::string& key) {
    return key == prefix + "embeddings.position_ids" ||
           key == prefix + "embeddings.token_type_ids" || absl::StartsWith(key, "audio_") ||
           absl::StartsWith(key, "logit_scale");
  };
  WeightBinder binder(checkpoint, "");
  model.Bind(prefix, binder);
  if (absl::Status status = binder.Load(ignored, where); !status.ok()) return status;
  return model;
}

absl::StatusOr<ClapTextOutput> ClapText::Forward(const std::vector<std::vector<int32_t>>& texts,
                                                 const std::function<bool()>& cancelled) const {
  std::vector<int64_t> ids, places, lengths, firsts;
  for (size_t b = 0; b < texts.size(); ++b) {
    const auto length = static_cast<int64_t>(texts[b].size());
    if (length < 1 || length > config_.max_tokens()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "text ", b, " has ", length, " tokens, the model takes 1 to ", config_.max_tokens()));
    }
    firsts.push_back(static_cast<int64_t>(ids.size()));
    lengths.push_back(length);
    for (int64_t i = 0; i < length; ++i) {
      const int32_t id = texts[b][static_cast<size_t>(i)];
      if (id < 0 || id >= config_.vocab_size) {
        return absl::InvalidArgumentError(absl::StrCat("token ", i, " of text ", b, " is ", id,
                                                       ", outside the vocabulary of ",
                                                       config_.vocab_size));
      }
      ids.push_back(id);
      places.push_back(config_.pad_token_id + 1 + i);
    }
  }
  if (texts.empty()) return absl::InvalidArgumentError("no text");
  const TransformerLayerSpec spec = LayerSpec(config_);
  at::Tensor x = at::embedding(weights_.words, at::tensor(ids, at::kLong)) + weights_.types[0] +
                 at::embedding(weights_.positions, at::tensor(places, at::kLong));
  x = Normalize(weights_.embedding_norm, spec.norm, spec.epsilon, x);
  for (const TransformerLayer& layer : weights_.layers) {
    if (cancelled && cancelled()) return absl::CancelledError("cancelled");
    x = FinishLayer(spec, layer, x,
                    Attend(ProjectQkv(spec, layer, x), config_.num_attention_heads, lengths));
  }
  ClapTextOutput output;
  output.last_hidden_state = x;
  output.pooled =
      at::tanh(Apply(weights_.pooler, x.index_select(0, at::tensor(firsts, at::kLong))));
  if (has_projection_) {
    output.embedding = Apply(
        weights_.projection_out,
        Activate(Apply(weights_.projection_in, output.pooled), config_.projection_activation));
  }
  return output;
}

}  // namespace strata::models
