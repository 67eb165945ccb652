#include "models/hdt/hdt_encoder.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/hdt/hdt.h"
#include "models/hdt/hdt_decoder.h"
#include "models/hdt/hdt_input.h"

namespace strata::models {
namespace {

class HdtEncoder : public Encoder {
 public:
  HdtEncoder(Hdt model, std::optional<HdtDecoder> decoder, HdtAnchorIds anchors,
             const Tokenizer& tokenizer, int64_t weight_bytes)
      : model_(std::move(model)),
        decoder_(std::move(decoder)),
        anchors_(anchors),
        tokenizer_(tokenizer) {
    const HdtConfig& config = model_.config();
    info_.hidden_size = config.d_model;
    info_.num_layers = config.num_layers;
    info_.vocab_size = config.vocab_size;
    info_.weight_bytes = weight_bytes;
    info_.norm_epsilon = config.layer_norm_epsilon;
    info_.labels = config.labels;
    info_.architecture = config.architecture;
    info_.runs_on_kernels = config.is_hierarchical;
  }

  const EncoderInfo& info() const override { return info_; }

  absl::StatusOr<AnchoredSequence> Anchor(const DocumentTree& tree,
                                          int64_t max_tokens) const override {
    return AnchorBehind({}, tree, max_tokens);
  }

  absl::StatusOr<AnchoredSequence> AnchorWithQuery(const DocumentTree& tree,
                                                   const std::string& query,
                                                   int64_t max_tokens) const override {
    Encoding encoding;
    if (absl::Status s = tokenizer_.Encode(query, encoding); !s.ok()) return s;
    return AnchorBehind(encoding.ids, tree, max_tokens);
  }

  absl::StatusOr<at::Tensor> Forward(const PackedBatch& batch,
                                     const std::function<bool()>& cancelled) const override {
    HdtForwardOptions options;
    options.cancelled = cancelled;
    return model_.Forward(batch, options);
  }

  const SequenceDecoder* decoder() const override { return decoder_ ? &*decoder_ : nullptr; }

 private:
  absl::StatusOr<AnchoredSequence> AnchorBehind(const std::vector<int32_t>& query,
                                                const DocumentTree& tree,
                                                int64_t max_tokens) const {
    auto sections = TokenizeTree(tree, tokenizer_);
    if (!sections.ok()) return sections.status();
    const ByteSpan whole = tree.nodes().empty() ? ByteSpan{} : tree.nodes().front().text;
    return AnchorSections(*sections, anchors_, query, whole, max_tokens);
  }

  const Hdt model_;
  const std::optional<HdtDecoder> decoder_;
  const HdtAnchorIds anchors_;
  const Tokenizer& tokenizer_;
  EncoderInfo info_;
};

int64_t LayerBytes(Hdt& model) {
  int64_t bytes = 0;
  for (const TransformerLayer& layer : model.weights().layers) bytes += SizeBytes(layer);
  return bytes;
}

// A file of the encoder alone may carry a configuration whose default is to have a decoder.
bool HasDecoder(const HdtConfig& config, const TensorMap& weights) {
  const auto found = weights.lower_bound("decoder.block.");
  return config.architecture == "HDTForConditionalGeneration" ||
         (found != weights.end() && absl::StartsWith(found->first, "decoder.block."));
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Encoder>> LoadHdtEncoder(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder,
    kernels::WeightType type) {
  auto config = ParseHdtConfig(config_json, absl::StrCat(folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = Hdt::Load(*config, HdtHeads{}, weights, is_head_key, folder);
  if (!model.ok()) return model.status();
  const int64_t other_bytes = SizeBytes(model->Table()) - LayerBytes(*model);
  const absl::Status packed = model->PackForInference(type);
  if (!packed.ok()) return packed;
  int64_t weight_bytes = other_bytes + LayerBytes(*model);
  auto anchors = HdtAnchorIds::Find(tokenizer);
  if (!anchors.ok()) return anchors.status();
  std::optional<HdtDecoder> decoder;
  if (config->is_encoder_decoder && HasDecoder(*config, weights)) {
    auto loaded = HdtDecoder::Load(*config, model->weights().shared, weights, folder);
    if (!loaded.ok()) return loaded.status();
    weight_bytes += SizeBytes(loaded->Table());
    decoder = *std::move(loaded);
  }
  return std::make_unique<HdtEncoder>(*std::move(model), std::move(decoder), *anchors, tokenizer,
                                      weight_bytes);
}

}  // namespace strata::models
