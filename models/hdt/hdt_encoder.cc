#include "models/hdt/hdt_encoder.h"

#include "absl/strings/str_cat.h"
#include "models/hdt/hdt.h"
#include "models/hdt/hdt_input.h"

namespace strata::models {
namespace {

class HdtEncoder : public Encoder {
 public:
  HdtEncoder(Hdt model, HdtAnchorIds anchors, const Tokenizer& tokenizer)
      : model_(std::move(model)), anchors_(anchors), tokenizer_(tokenizer) {
    const HdtConfig& config = model_.config();
    info_.hidden_size = config.d_model;
    info_.num_layers = config.num_layers;
    info_.vocab_size = config.vocab_size;
    info_.norm_epsilon = config.layer_norm_epsilon;
    info_.labels = config.labels;
    info_.architecture = config.architecture;
    info_.runs_on_kernels = config.is_hierarchical;
  }

  const EncoderInfo& info() const override { return info_; }

  absl::StatusOr<AnchoredSequence> Anchor(const DocumentTree& tree,
                                          int64_t max_tokens) const override {
    auto sections = TokenizeTree(tree, tokenizer_);
    if (!sections.ok()) return sections.status();
    const ByteSpan whole = tree.nodes().empty() ? ByteSpan{} : tree.nodes().front().text;
    return AnchorSections(*sections, anchors_, /*global_query=*/{}, whole, max_tokens);
  }

  absl::StatusOr<at::Tensor> Forward(const PackedBatch& batch,
                                     const std::function<bool()>& cancelled) const override {
    HdtForwardOptions options;
    options.cancelled = cancelled;
    return model_.Forward(batch, options);
  }

 private:
  const Hdt model_;
  const HdtAnchorIds anchors_;
  const Tokenizer& tokenizer_;
  EncoderInfo info_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Encoder>> LoadHdtEncoder(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder) {
  auto config = ParseHdtConfig(config_json, absl::StrCat(folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = Hdt::Load(*config, HdtHeads{}, weights, is_head_key, folder);
  if (!model.ok()) return model.status();
  const absl::Status packed = model->PackForInference();
  if (!packed.ok()) return packed;
  auto anchors = HdtAnchorIds::Find(tokenizer);
  if (!anchors.ok()) return anchors.status();
  return std::make_unique<HdtEncoder>(*std::move(model), *anchors, tokenizer);
}

}  // namespace strata::models
