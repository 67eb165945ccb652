#include "models/smith/smith_encoder.h"

#include <ATen/core/grad_mode.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/smith/smith.h"
#include "models/smith/smith_input.h"

namespace strata::models {
namespace {

class SmithEncoder : public Encoder {
 public:
  SmithEncoder(Smith model, SmithTokenIds ids, const Tokenizer& tokenizer, int64_t weight_bytes)
      : model_(std::move(model)), ids_(ids), tokenizer_(tokenizer) {
    const SmithConfig& config = model_.config();
    info_.hidden_size = config.hidden_size();
    info_.num_layers = config.sentence.num_hidden_layers + config.document.num_hidden_layers;
    info_.vocab_size = config.sentence.vocab_size;
    info_.weight_bytes = weight_bytes;
    info_.norm_epsilon = SmithLayerSpec(config.sentence).epsilon;
    info_.architecture = config.architecture;
    info_.runs_on_kernels = true;
    info_.match_amplifier = config.similarity_score_amplifier;
    const at::NoGradGuard no_grad;
    if (config.combine_mode != SmithCombineMode::kNormal) padding_block_ = model_.PaddingBlock();
  }

  const EncoderInfo& info() const override { return info_; }

  absl::StatusOr<AnchoredSequence> Anchor(const DocumentTree& tree,
                                          int64_t max_tokens) const override {
    auto sentences = TokenizeSmithSentences(tree, tokenizer_);
    if (!sentences.ok()) return sentences.status();
    SmithInput input = FillSmithBlocks(*sentences, model_.config(), ids_, max_tokens);
    const int32_t most = model_.config().loop_sent_number_per_doc;
    if (max_tokens == 0 && input.num_blocks > most) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the document fills ", input.num_blocks, " blocks of ",
          model_.config().max_sent_length_by_word, " tokens, the model reads ", most,
          " (loop_sent_number_per_doc); allow the document to be cut, or raise it up to the "
          "model's document positions"));
    }
    if (input.sequence.num_tokens() == 0) return EmptyBlock();
    return std::move(input.sequence);
  }

  absl::StatusOr<at::Tensor> Forward(const PackedBatch& batch,
                                     const std::function<bool()>& cancelled) const override {
    auto output = Run(batch, /*want_states=*/true, cancelled);
    if (!output.ok()) return output.status();
    return std::move(output->states);
  }

  absl::StatusOr<EncoderOutput> ForwardWithHead(
      const PackedBatch& batch, bool want_states,
      const std::function<bool()>& cancelled) const override {
    auto computed = Run(batch, want_states, cancelled);
    if (!computed.ok()) return computed.status();
    EncoderOutput output;
    output.states = std::move(computed->states);
    output.documents = std::move(computed->documents);
    output.sentences = std::move(computed->blocks);
    return output;
  }

 private:
  absl::StatusOr<SmithOutput> Run(const PackedBatch& batch, bool want_states,
                                  const std::function<bool()>& cancelled) const {
    SmithForwardOptions options;
    options.want_states = want_states;
    options.cancelled = cancelled;
    options.padding_block = padding_block_;
    return model_.Forward(batch, options);
  }

  // A document without a word: [CLS] [SEP] [SEP].
  AnchoredSequence EmptyBlock() const {
    AnchoredSequence sequence;
    sequence.token_ids = {ids_.first, ids_.separator, ids_.separator};
    sequence.roles = {TokenRole::kSentenceAnchor, TokenRole::kSeparator, TokenRole::kSeparator};
    sequence.parents = {-1, 0, 0};
    sequence.positions = {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}};
    sequence.nodes = {0, 0, 0};
    sequence.spans.resize(3);
    return sequence;
  }

  const Smith model_;
  const SmithTokenIds ids_;
  const Tokenizer& tokenizer_;
  EncoderInfo info_;
  at::Tensor padding_block_;
};

int64_t LayerBytes(const Smith& model) {
  int64_t bytes = 0;
  for (const auto* layers : {&model.weights().sentence_layers, &model.weights().document_layers}) {
    for (const TransformerLayer& layer : *layers) bytes += SizeBytes(layer);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Encoder>> LoadSmithEncoder(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder,
    kernels::WeightType type) {
  auto config = ParseSmithConfig(config_json, absl::StrCat(folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto ids = SmithTokenIds::Find(tokenizer);
  if (!ids.ok()) return ids.status();
  auto model = Smith::Load(*config, weights, is_head_key, folder);
  if (!model.ok()) return model.status();
  const int64_t other_bytes = SizeBytes(model->Table()) - LayerBytes(*model);
  if (absl::Status packed = model->PackForInference(type); !packed.ok()) return packed;
  const int64_t weight_bytes = other_bytes + LayerBytes(*model);
  return std::make_unique<SmithEncoder>(*std::move(model), *ids, tokenizer, weight_bytes);
}

}  // namespace strata::models
