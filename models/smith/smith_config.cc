#include "models/smith/smith_config.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernels/attention/block_sparse_attention.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

constexpr std::pair<const char*, SmithCombineMode> kCombineModes[] = {
    {"normal", SmithCombineMode::kNormal},
    {"sum_concat", SmithCombineMode::kSumConcat},
    {"mean_concat", SmithCombineMode::kMeanConcat},
    {"attention", SmithCombineMode::kAttention},
};

// The reference knows four; its "gelu" is the tanh form.
bool ParseHiddenAct(const std::string& name, Activation& activation) {
  const std::string lower = absl::AsciiStrToLower(name);
  if (lower == "gelu") {
    activation = Activation::kGeluTanh;
  } else if (lower == "relu") {
    activation = Activation::kRelu;
  } else if (lower == "tanh") {
    activation = Activation::kTanh;
  } else if (lower.empty() || lower == "linear") {
    activation = Activation::kIdentity;
  } else {
    return false;
  }
  return true;
}

void CheckProbability(ConfigFields& fields, const char* name, double& value) {
  fields.Number(name, value);
  if (!(value >= 0 && value < 1)) fields.Fail(name, "must be in [0, 1)");
}

absl::Status ParseBert(const ConfigFields& outer, const char* name, SmithBertConfig& config) {
  ConfigFields fields = outer.Within(name);
  if (outer.Find(name) == nullptr) fields.Fail("hidden_size", "and all of its object are missing");
  fields.Size("vocab_size", 1, config.vocab_size);
  fields.Size("hidden_size", 1, config.hidden_size);
  fields.Size("num_hidden_layers", 1, config.num_hidden_layers);
  fields.Size("num_attention_heads", 1, config.num_attention_heads);
  fields.Size("intermediate_size", 1, config.intermediate_size);
  fields.Size("max_position_embeddings", 1, config.max_position_embeddings);
  fields.Size("type_vocab_size", 1, config.type_vocab_size);
  CheckProbability(fields, "hidden_dropout_prob", config.hidden_dropout_prob);
  CheckProbability(fields, "attention_probs_dropout_prob", config.attention_probs_dropout_prob);
  fields.Number("initializer_range", config.initializer_range);
  std::string hidden_act = "gelu";
  fields.Text("hidden_act", hidden_act);
  if (!ParseHiddenAct(hidden_act, config.activation)) {
    fields.Fail("hidden_act",
                absl::StrCat("'", hidden_act, "' is none of gelu, relu, tanh, linear"));
  }
  constexpr int32_t kMaxLayers = 1000;
  if (config.num_hidden_layers > kMaxLayers) {
    fields.Fail("num_hidden_layers",
                absl::StrCat("is ", config.num_hidden_layers, "; at most ", kMaxLayers));
  }
  if (config.hidden_size % config.num_attention_heads != 0) {
    fields.Fail("num_attention_heads",
                absl::StrCat(config.num_attention_heads, " does not divide hidden_size ",
                             config.hidden_size));
  } else if (config.head_size() > kernels::kMaxHeadSize) {
    fields.Fail("num_attention_heads",
                absl::StrCat("gives heads of ", config.head_size(),
                             ", the attention kernels take up to ", kernels::kMaxHeadSize));
  }
  return fields.status();
}

absl::Status ParseEncoder(const ConfigFields& outer, SmithConfig& config) {
  ConfigFields fields = outer.Within("encoder_config");
  std::string model_name = "smith_dual_encoder", mode = "normal";
  fields.Text("model_name", model_name);
  if (model_name != "smith_dual_encoder") {
    fields.Fail("model_name", absl::StrCat("'", model_name,
                                           "' is not smith_dual_encoder, the only one there is"));
  }
  fields.Size("max_sent_length_by_word", 4, config.max_sent_length_by_word);
  fields.Size("max_doc_length_by_sentence", 1, config.max_doc_length_by_sentence);
  fields.Size("loop_sent_number_per_doc", 1, config.loop_sent_number_per_doc);
  fields.Text("doc_rep_combine_mode", mode);
  fields.Size("doc_rep_combine_attention_size", 1, config.doc_rep_combine_attention_size);
  fields.Flag("use_masked_sentence_lm_loss", config.use_masked_sentence_lm_loss);
  fields.Size("max_masked_sent_per_doc", 0, config.max_masked_sent_per_doc);
  fields.Size("max_predictions_per_seq", 0, config.max_predictions_per_seq);
  fields.Flag("greedy_sentence_filling", config.greedy_sentence_filling);
  fields.Flag("continue_long_sentences", config.continue_long_sentences);
  bool is_known = false;
  for (const auto& [name, value] : kCombineModes) {
    if (mode != name) continue;
    config.combine_mode = value;
    is_known = true;
  }
  if (!is_known) {
    fields.Fail("doc_rep_combine_mode",
                absl::StrCat("'", mode, "' is none of normal, sum_concat, mean_concat, attention"));
  }
  const auto too_long = [&](const char* name, int32_t value, const char* limit, int32_t most) {
    if (value <= most) return;
    fields.Fail(name, absl::StrCat("is ", value, ", over ", limit, " ", most));
  };
  too_long("loop_sent_number_per_doc", config.loop_sent_number_per_doc,
           "max_doc_length_by_sentence", config.max_doc_length_by_sentence);
  too_long("max_sent_length_by_word", config.max_sent_length_by_word,
           "bert_config's max_position_embeddings", config.sentence.max_position_embeddings);
  too_long("loop_sent_number_per_doc", config.loop_sent_number_per_doc,
           "doc_bert_config's max_position_embeddings", config.document.max_position_embeddings);
  return fields.status();
}

}  // namespace

absl::StatusOr<SmithConfig> ParseSmithConfig(const std::string& json, const std::string& where) {
  SmithConfig config;
  ConfigFields fields(json, where);
  if (!fields.status().ok()) return fields.status();
  absl::Status status = ParseBert(fields, "bert_config", config.sentence);
  if (status.ok()) status = ParseBert(fields, "doc_bert_config", config.document);
  if (status.ok()) status = ParseEncoder(fields, config);
  if (!status.ok()) return status;
  if (config.sentence.vocab_size == 0) fields.Fail("bert_config", "names no vocab_size");
  if (config.document.hidden_size != config.sentence.hidden_size) {
    fields.Fail("doc_bert_config",
                absl::StrCat("has hidden_size ", config.document.hidden_size, ", bert_config ",
                             config.sentence.hidden_size, "; they must agree"));
  }
  fields.Size("pad_token_id", 0, config.pad_token_id);
  if (config.pad_token_id >= config.sentence.vocab_size) {
    fields.Fail("pad_token_id", "is outside the vocabulary");
  }
  ConfigFields loss = fields.Within("loss_config");
  loss.Number("similarity_score_amplifier", config.similarity_score_amplifier);
  ConfigFields training = fields.Within("train_eval_config");
  training.Number("neg_to_pos_example_ratio", config.neg_to_pos_example_ratio);
  config.architecture = fields.Architecture();
  for (const ConfigFields* part : {&fields, &loss, &training}) {
    if (!part->status().ok()) return part->status();
  }
  return config;
}

}  // namespace strata::models
