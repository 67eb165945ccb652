#include "models/hdt/hdt_config.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/attention/block_sparse_attention.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::json;

// Reads typed fields of one object; the first fault is kept and everything after it is a no-op.
class FieldReader {
 public:
  FieldReader(const Json& object, const std::string& where) : object_(object), where_(where) {}

  void Size(const char* name, int32_t minimum, int32_t& value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_number_integer()) return Fail(name, "is not a whole number");
    const int64_t number = field->get<int64_t>();
    if (number < minimum || number > (1 << 24)) {
      return Fail(name, absl::StrCat("is ", number, ", outside ", minimum, "..", 1 << 24));
    }
    value = static_cast<int32_t>(number);
  }
  void Number(const char* name, double& value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_number()) return Fail(name, "is not a number");
    value = field->get<double>();
  }
  void Flag(const char* name, bool& value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_boolean()) return Fail(name, "is not true or false");
    value = field->get<bool>();
  }
  void Text(const char* name, std::string& value) {
    const Json* field = Find(name);
    if (field == nullptr) return;
    if (!field->is_string()) return Fail(name, "is not a string");
    value = field->get<std::string>();
  }
  void Fail(const char* name, absl::string_view what) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": ", name, " ", what));
    }
  }
  const absl::Status& status() const { return status_; }

 private:
  const Json* Find(const char* name) const {
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  const Json& object_;
  const std::string& where_;
  absl::Status status_;
};

// id2label holds {"0": "name", ...}; the library's placeholder LABEL_n counts as none.
void ReadLabels(const Json& object, FieldReader& fields, std::vector<std::string>& labels) {
  const auto found = object.find("id2label");
  if (found == object.end() || found->is_null()) return;
  if (!found->is_object()) return fields.Fail("id2label", "is not an object");
  for (size_t i = 0; i < found->size(); ++i) {
    const auto label = found->find(absl::StrCat(i));
    if (label == found->end() || !label->is_string()) {
      return fields.Fail("id2label", absl::StrCat("has no string for class ", i));
    }
    labels.push_back(label->get<std::string>());
  }
  bool placeholder = true;
  for (size_t i = 0; i < labels.size(); ++i) placeholder &= labels[i] == absl::StrCat("LABEL_", i);
  if (placeholder) labels.clear();
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
  const Json object = Json::parse(json, nullptr, false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": not a JSON object"));
  }
  HdtConfig config;
  FieldReader fields(object, where);
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
  fields.Size("relative_attention_num_buckets", 2, config.relative_attention_num_buckets);
  fields.Size("relative_attention_max_distance", 2, config.relative_attention_max_distance);
  fields.Number("layer_norm_epsilon", config.layer_norm_epsilon);
  fields.Number("dropout_rate", config.dropout_rate);
  fields.Size("pad_token_id", 0, config.pad_token_id);
  fields.Flag("is_hierarchical", config.is_hierarchical);
  fields.Flag("is_encoder_decoder", config.is_encoder_decoder);
  fields.Flag("tie_word_embeddings", config.tie_word_embeddings);
  fields.Flag("decode_anchor_tokens", config.decode_anchor_tokens);
  std::string feed_forward = "relu";
  fields.Text("feed_forward_proj", feed_forward);
  std::string pooling = "first-token";
  fields.Text("pool_scheme", pooling);
  ReadLabels(object, fields, config.labels);
  if (const auto found = object.find("architectures");
      found != object.end() && found->is_array() && !found->empty() && (*found)[0].is_string()) {
    config.architecture = (*found)[0].get<std::string>();
  }
  if (!fields.status().ok()) return fields.status();

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
  if (int64_t{config.num_heads} * config.d_kv > (1 << 20)) {
    fields.Fail("num_heads", "times d_kv is over 1048576");
  }
  if (!fields.status().ok()) return fields.status();
  return config;
}

}  // namespace strata::models
