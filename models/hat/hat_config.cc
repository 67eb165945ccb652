#include "models/hat/hat_config.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/attention/block_sparse_attention.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;

constexpr int32_t kMaxLabels = 1 << 20;  // each gets a name in memory

template <typename Value>
struct Choice {
  const char* name;
  Value value;
};

constexpr Choice<HatPooling> kPoolings[] = {{"max", HatPooling::kMax},
                                            {"attentive", HatPooling::kAttentive},
                                            {"first", HatPooling::kFirst},
                                            {"last", HatPooling::kLast},
                                            {"label_attention", HatPooling::kLabelAttention}};
constexpr Choice<HatPositions> kPositions[] = {
    {"absolute", HatPositions::kAbsolute},
    {"relative_key", HatPositions::kRelativeKey},
    {"relative_key_query", HatPositions::kRelativeKeyQuery}};
constexpr Choice<HatProblem> kProblems[] = {
    {"regression", HatProblem::kRegression},
    {"single_label_classification", HatProblem::kSingleLabel},
    {"multi_label_classification", HatProblem::kMultiLabel}};
constexpr Choice<HatSegmentation> kSegmentations[] = {{"grouped", HatSegmentation::kGrouped},
                                                      {"uniform", HatSegmentation::kUniform},
                                                      {"sentences", HatSegmentation::kSentences}};
constexpr Choice<bool> kCrossPositions[] = {{"added", true}, {"none", false}};
constexpr Choice<bool> kEmptySegments[] = {{"ignored", false}, {"padded", true}};
constexpr Choice<bool> kSegmentPadding[] = {{"ignored", false}, {"attended", true}};

// Returns whether the file names the field.
template <typename Value, size_t n>
bool ReadChoice(ConfigFields& fields, const char* name, const Choice<Value> (&choices)[n],
                Value& value) {
  if (fields.Find(name) == nullptr) return false;
  std::string text;
  fields.Text(name, text);
  std::string known;
  for (const Choice<Value>& choice : choices) {
    if (text == choice.name) {
      value = choice.value;
      return true;
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", choice.name);
  }
  fields.Fail(name, absl::StrCat("'", text, "' is none of ", known));
  return true;
}

// {"0": {"sentence_encoder": true, "document_encoder": false}, "1": …}
void ReadLayout(ConfigFields& fields, HatConfig& config) {
  const Json* layout = fields.Find("encoder_layout");
  if (layout == nullptr || !layout->is_object()) {
    return fields.Fail("encoder_layout",
                       "is missing; it says which encoders each layer has, {\"0\": "
                       "{\"sentence_encoder\": true, \"document_encoder\": false}, ...}");
  }
  for (int32_t n = 0; n < config.num_hidden_layers; ++n) {
    const auto entry = layout->find(absl::StrCat(n));
    const auto flag = [&](const char* key, bool& value) {
      if (entry == layout->end() || !entry->is_object() || !entry->contains(key) ||
          !(*entry)[key].is_boolean()) {
        fields.Fail("encoder_layout",
                    absl::StrCat("has no true or false at \"", n, "\", \"", key,
                                 "\"; num_hidden_layers is ", config.num_hidden_layers));
        return;
      }
      value = (*entry)[key].get<bool>();
    };
    HatLayout row;
    flag("sentence_encoder", row.has_segment_encoder);
    flag("document_encoder", row.has_cross_encoder);
    if (!fields.status().ok()) return;
    config.encoder_layout.push_back(row);
  }
}

void ReadLabels(ConfigFields& fields, HatConfig& config) {
  config.labels = {"LABEL_0", "LABEL_1"};  // the library's default
  int32_t num_labels = 2;
  fields.Size("num_labels", 1, num_labels);
  if (num_labels > kMaxLabels) {
    return fields.Fail("num_labels", absl::StrCat("is ", num_labels, "; at most ", kMaxLabels));
  }
  if (num_labels != 2) {
    config.labels.clear();
    for (int32_t i = 0; i < num_labels; ++i) config.labels.push_back(absl::StrCat("LABEL_", i));
  }
  fields.Labels(config.labels);
  if (config.labels.empty()) fields.Fail("id2label", "has no class");
}

void CheckRanges(ConfigFields& fields, const HatConfig& config) {
  if (config.hidden_size % config.num_attention_heads != 0) {
    fields.Fail("num_attention_heads",
                absl::StrCat(config.num_attention_heads, " does not divide hidden_size ",
                             config.hidden_size));
  }
  if (config.head_size() > kernels::kMaxHeadSize) {
    fields.Fail("num_attention_heads",
                absl::StrCat("gives heads of size ", config.head_size(),
                             ", the attention kernels take up to ", kernels::kMaxHeadSize));
  }
  if (config.pad_token_id >= config.vocab_size) {
    fields.Fail("pad_token_id",
                absl::StrCat("is ", config.pad_token_id, ", vocab_size is ", config.vocab_size));
  }
  if (config.has_cross_encoder() && config.pad_token_id > config.max_sentences) {
    fields.Fail("pad_token_id",
                absl::StrCat("is ", config.pad_token_id, ", beyond the ", config.max_sentences + 1,
                             " rows of the cross-segment position table"));
  }
  if (!(config.layer_norm_eps >= 0)) fields.Fail("layer_norm_eps", "must not be negative");
  for (const auto& [name, value] : {std::pair{"hidden_dropout_prob", config.hidden_dropout_prob},
                                    {"classifier_dropout", config.classifier_dropout}}) {
    if (!(value >= 0 && value < 1)) fields.Fail(name, "must be in [0, 1)");
  }
  if (config.max_sentence_length < 2) {
    fields.Fail("max_sentence_length",
                absl::StrCat("is ", config.max_sentence_length,
                             "; a segment needs its first token and one more"));
  }
  if (config.segment_overlap >= config.max_sentence_length - 1) {
    fields.Fail("segment_overlap",
                absl::StrCat("is ", config.segment_overlap, ", a segment has only ",
                             config.max_sentence_length - 1, " tokens of text"));
  }
  if (config.segment_overlap > 0 && config.segmentation != HatSegmentation::kUniform) {
    fields.Fail("segment_overlap", "needs segmentation 'uniform'");
  }
  if (config.position_embedding_type != HatPositions::kAbsolute) {
    if (config.max_sentence_length > config.max_position_embeddings) {
      fields.Fail("max_position_embeddings",
                  absl::StrCat("is ", config.max_position_embeddings,
                               ", but relative positions reach ", config.max_sentence_length));
    }
  }
}

}  // namespace

absl::StatusOr<HatPooling> ParseHatPooling(const std::string& name) {
  for (const Choice<HatPooling>& choice : kPoolings) {
    if (name == choice.name) return choice.value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("pooling '", name, "' is none of max, attentive, first, last, label_attention"));
}

bool HatConfig::has_cross_encoder() const {
  return std::any_of(encoder_layout.begin(), encoder_layout.end(),
                     [](const HatLayout& row) { return row.has_cross_encoder; });
}

absl::StatusOr<HatConfig> ParseHatConfig(const std::string& json, const std::string& where) {
  HatConfig config;
  ConfigFields fields(json, where);
  fields.Size("vocab_size", 1, config.vocab_size);
  fields.Size("hidden_size", 1, config.hidden_size);
  fields.Size("num_hidden_layers", 1, config.num_hidden_layers);
  fields.Size("num_attention_heads", 1, config.num_attention_heads);
  fields.Size("intermediate_size", 1, config.intermediate_size);
  fields.Size("max_sentences", 1, config.max_sentences);
  fields.Size("max_sentence_size", 1, config.max_sentence_size);
  // Old files know only the other name; without either the reference has no k.
  if (fields.Find("max_sentence_size") != nullptr) {
    config.max_sentence_length = config.max_sentence_size;
  } else if (fields.Find("max_sentence_length") == nullptr) {
    fields.Fail("max_sentence_length", "is missing: the length of a segment in tokens");
  }
  fields.Size("max_sentence_length", 1, config.max_sentence_length);
  fields.Size("model_max_length", 1, config.model_max_length);
  fields.Size("max_position_embeddings", 1, config.max_position_embeddings);
  fields.Size("type_vocab_size", 1, config.type_vocab_size);
  fields.Number("layer_norm_eps", config.layer_norm_eps);
  fields.Size("pad_token_id", 0, config.pad_token_id);
  fields.Number("hidden_dropout_prob", config.hidden_dropout_prob);
  config.classifier_dropout = config.hidden_dropout_prob;
  fields.Number("classifier_dropout", config.classifier_dropout);
  fields.Flag("tie_word_embeddings", config.tie_word_embeddings);
  ReadChoice(fields, "position_embedding_type", kPositions, config.position_embedding_type);
  ReadChoice(fields, "problem_type", kProblems, config.problem_type);
  config.names_pooling = ReadChoice(fields, "pooling", kPoolings, config.pooling);
  ReadChoice(fields, "cross_segment_positions", kCrossPositions, config.adds_cross_positions);
  ReadChoice(fields, "segmentation", kSegmentations, config.segmentation);
  ReadChoice(fields, "empty_segments", kEmptySegments, config.pads_segments);
  ReadChoice(fields, "segment_padding", kSegmentPadding, config.attends_padding);
  fields.Size("segment_overlap", 0, config.segment_overlap);
  std::string activation = "gelu";
  fields.Text("hidden_act", activation);
  ReadLayout(fields, config);
  ReadLabels(fields, config);
  config.architecture = fields.Architecture();
  bool is_decoder = false;
  fields.Flag("is_decoder", is_decoder);
  if (!fields.status().ok()) return fields.status();

  auto parsed = ParseActivation(activation);
  if (!parsed.ok()) fields.Fail("hidden_act", parsed.status().message());
  if (parsed.ok()) config.activation = *parsed;
  CheckRanges(fields, config);
  if (!fields.status().ok()) return fields.status();
  if (is_decoder) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": is_decoder is true; HAT is an encoder, causal masks are not done"));
  }
  const Json* pruned = fields.Find("pruned_heads");
  if (pruned != nullptr && !pruned->empty()) {
    return absl::UnimplementedError(
        absl::StrCat(where, ": pruned_heads is not empty; models with pruned heads are not done"));
  }
  return config;
}

}  // namespace strata::models
