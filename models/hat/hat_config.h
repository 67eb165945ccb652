// The configuration of a HAT checkpoint, with the field names of its config.json.
//
// Source: coastalcph/hierarchical-transformers (arXiv 2210.05529), HATConfig; defaults are that
// class's, since save_pretrained leaves out fields that stand at them.
#ifndef STRATA_MODELS_HAT_HAT_CONFIG_H_
#define STRATA_MODELS_HAT_HAT_CONFIG_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/activation.h"

namespace strata::models {

// What one vector of a document is made from. The reference takes it as a constructor argument;
// here config.json may name it as "pooling".
enum class HatPooling : uint8_t {
  kMax,        // over the first tokens of all segments
  kAttentive,  // their softmax-weighted sum, pooler.attentive_pooling.*
  kFirst,      // the document's first token
  kLast,       // the token 128 positions before the end of the padded document
  // A vector for each label, by attention of its own over the first tokens. Not of HAT but of
  // 'Revisiting Transformer-based Models for Long Document Classification' (arXiv 2204.06683).
  kLabelAttention,
};

// "max", "attentive", "first", "last", "label_attention".
absl::StatusOr<HatPooling> ParseHatPooling(const std::string& name);

enum class HatPositions : uint8_t { kAbsolute, kRelativeKey, kRelativeKeyQuery };

enum class HatProblem : uint8_t { kUnknown, kRegression, kSingleLabel, kMultiLabel };

// How text becomes segments (config.json, ours: "segmentation").
enum class HatSegmentation : uint8_t {
  kGrouped,    // "grouped": whole sentences while they fit; a longer one fills several segments
  kUniform,    // "uniform": runs of equal length, wherever sentences end
  kSentences,  // "sentences": every sentence begins a segment
};

// What one entry of encoder_layout says.
struct HatLayout {
  bool has_segment_encoder = false;  // "sentence_encoder"
  bool has_cross_encoder = false;    // "document_encoder"
};

struct HatConfig {
  int32_t vocab_size = 30522;
  int32_t hidden_size = 768;
  int32_t num_hidden_layers = 12;
  int32_t num_attention_heads = 12;
  int32_t intermediate_size = 3072;
  Activation activation = Activation::kGelu;  // hidden_act
  int32_t max_sentences = 64;
  int32_t max_sentence_length = 0;  // k, the CLS included
  int32_t max_sentence_size = 128;  // the name of k that HATTokenizer's text_pair reads
  int32_t model_max_length = 8192;
  int32_t max_position_embeddings = 512;  // sizes the tables of relative positions only
  int32_t type_vocab_size = 2;
  double layer_norm_eps = 1e-12;
  int32_t pad_token_id = 0;
  HatPositions position_embedding_type = HatPositions::kAbsolute;
  std::vector<HatLayout> encoder_layout;  // [num_hidden_layers]
  double hidden_dropout_prob = 0.1;
  double classifier_dropout = 0.1;  // hidden_dropout_prob where the file has none
  bool tie_word_embeddings = true;
  HatProblem problem_type = HatProblem::kUnknown;
  std::vector<std::string> labels;  // id2label, the library's LABEL_0 … included
  std::string architecture;         // architectures[0], may be empty

  // Not of the reference's file.
  HatPooling pooling = HatPooling::kMax;
  bool names_pooling = false;  // the file has "pooling"
  // "cross_segment_positions": "added", or "none" as the reference computed until January 2024,
  // when the released checkpoints had been trained: the table had no effect then.
  bool adds_cross_positions = true;
  HatSegmentation segmentation = HatSegmentation::kGrouped;
  // "segment_overlap": tokens that a segment of a uniform cut shares with the one before.
  int32_t segment_overlap = 0;
  // "empty_segments": false "ignored"; true "padded": documents count as padded to max_sentences
  // segments, whose empty ones max and attentive pooling see, as in the reference.
  bool pads_segments = false;
  // "segment_padding": false "ignored"; true "attended": segments are filled up with pad tokens
  // that are attended to, as the reference's grouping does where the pad id is not 0.
  bool attends_padding = false;

  int32_t head_size() const { return hidden_size / num_attention_heads; }
  int64_t num_labels() const { return static_cast<int64_t>(labels.size()); }
  bool has_cross_encoder() const;
  bool has_cross_positions() const { return adds_cross_positions && has_cross_encoder(); }
  // Segments that a document may have, as tables of their positions and distances go; 0: no limit,
  // since nothing depends on a segment's number.
  int32_t max_segments() const {
    const bool is_relative = position_embedding_type != HatPositions::kAbsolute;
    const int32_t places = has_cross_positions() ? max_sentences : 0;
    if (!is_relative || !has_cross_encoder()) return places;
    return places > 0 ? std::min(places, max_position_embeddings) : max_position_embeddings;
  }
};

// INVALID_ARGUMENT names the field: missing (encoder_layout, max_sentence_length), wrong type, out
// of range, in contradiction to another. UNIMPLEMENTED: is_decoder, pruned_heads. `where` stands in
// front of messages (a file name).
absl::StatusOr<HatConfig> ParseHatConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_CONFIG_H_
