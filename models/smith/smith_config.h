// The configuration of a SMITH checkpoint: the settings of the dual encoder and the two BERT
// configurations, under the originals' field names, in one config.json.
//
// Source: google-research/google-research, smith/experiment_config.proto and smith/bert/modeling.py
// (BertConfig); defaults are theirs.
#ifndef STRATA_MODELS_SMITH_SMITH_CONFIG_H_
#define STRATA_MODELS_SMITH_SMITH_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "models/layers/activation.h"

namespace strata::models {

// How a document's vector is made of its document level vector r and its block vectors b_j.
enum class SmithCombineMode : uint8_t {
  kNormal,      // r
  kSumConcat,   // [Σ b_j ; r]
  kMeanConcat,  // [mean b_j ; r]
  kAttention,   // [Σ a_j b_j ; r], a = softmax of a learned score
};

struct SmithBertConfig {
  int32_t vocab_size = 0;  // read at the sentence level only
  int32_t hidden_size = 768;
  int32_t num_hidden_layers = 12;
  int32_t num_attention_heads = 12;
  int32_t intermediate_size = 3072;
  int32_t max_position_embeddings = 512;
  int32_t type_vocab_size = 16;  // of the sentence level only
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double initializer_range = 0.02;
  Activation activation = Activation::kGeluTanh;  // hidden_act; "gelu" is the tanh form here

  int32_t head_size() const { return hidden_size / num_attention_heads; }
};

struct SmithConfig {
  SmithBertConfig sentence;  // bert_config
  SmithBertConfig document;  // doc_bert_config

  // encoder_config
  int32_t max_sent_length_by_word = 32;     // tokens of a block, [CLS] and two [SEP] included
  int32_t max_doc_length_by_sentence = 64;  // blocks that an input row has room for
  int32_t loop_sent_number_per_doc = 64;    // of these, read
  SmithCombineMode combine_mode = SmithCombineMode::kNormal;
  int32_t doc_rep_combine_attention_size = 256;
  bool use_masked_sentence_lm_loss = false;  // training only
  int32_t max_masked_sent_per_doc = 2;
  int32_t max_predictions_per_seq = 5;
  // preprocessing_smith.py; a block of its own for every sentence if false
  bool greedy_sentence_filling = true;
  // Ours: the rest of a sentence longer than a block continues in the next one. The reference loses
  // it, so the default is false.
  bool continue_long_sentences = false;

  double similarity_score_amplifier = 6.0;  // loss_config
  double neg_to_pos_example_ratio = 1.0;    // train_eval_config
  int32_t pad_token_id = 0;
  std::string architecture;  // architectures[0], may be empty

  int32_t hidden_size() const { return sentence.hidden_size; }
  int32_t block_words() const { return max_sent_length_by_word - 3; }
  // Of a document's vector.
  int32_t document_size() const {
    return combine_mode == SmithCombineMode::kNormal ? hidden_size() : 2 * hidden_size();
  }
};

// INVALID_ARGUMENT names the field: missing, wrong type, out of range, hidden sizes that differ,
// blocks or documents longer than their position tables. `where` stands in front of messages.
absl::StatusOr<SmithConfig> ParseSmithConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_SMITH_SMITH_CONFIG_H_
