#include "models/hat/hat_encoder.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/hat/hat_evidence.h"
#include "models/hat/hat_heads.h"
#include "models/hat/hat_input.h"
#include "models/tokenizer/special_tokens.h"

namespace strata::models {
namespace {

LabelKind LabelKindOf(const HatConfig& config) {
  if (config.problem_type == HatProblem::kMultiLabel) return LabelKind::kEachByItself;
  const bool is_value = config.problem_type == HatProblem::kRegression ||
                        (config.problem_type == HatProblem::kUnknown && config.num_labels() == 1);
  return is_value ? LabelKind::kValue : LabelKind::kOneOfAll;
}

class HatEncoder : public Encoder {
 public:
  HatEncoder(Hat model, HatPooling pooling, int32_t cls_id, const Tokenizer& tokenizer,
             int64_t weight_bytes)
      : model_(std::move(model)), pooling_(pooling), cls_id_(cls_id), tokenizer_(tokenizer) {
    const HatConfig& config = model_.config();
    info_.hidden_size = config.hidden_size;
    info_.num_layers = config.num_hidden_layers;
    info_.vocab_size = config.vocab_size;
    info_.weight_bytes = weight_bytes;
    info_.norm_epsilon = config.layer_norm_eps;
    info_.labels = config.labels;
    info_.architecture = config.architecture;
    info_.runs_on_kernels = true;
    info_.classifies = model_.heads().num_classes > 0;
    info_.label_kind = LabelKindOf(config);
  }

  const EncoderInfo& info() const override { return info_; }

  absl::StatusOr<AnchoredSequence> Anchor(const DocumentTree& tree,
                                          int64_t max_tokens) const override {
    return AnchorSegments(model_.config(), cls_id_, tree, tokenizer_, max_tokens);
  }

  absl::StatusOr<at::Tensor> Forward(const PackedBatch& batch,
                                     const std::function<bool()>& cancelled) const override {
    auto output = ForwardWithHead(batch, /*want_states=*/true, cancelled);
    if (!output.ok()) return output.status();
    return output->states;
  }

  absl::StatusOr<EncoderOutput> ForwardWithHead(
      const PackedBatch& batch, bool /*want_states*/,
      const std::function<bool()>& cancelled) const override {
    const UnpackedHat unpacked = UnpackHatDocuments(model_.config(), batch);
    auto segments = BatchHatDocuments(unpacked.documents);
    if (!segments.ok()) return segments.status();
    HatForwardOptions options;
    options.cancelled = cancelled;
    auto states = model_.Forward(*segments, options);
    if (!states.ok()) return states.status();
    EncoderOutput output;
    output.states =
        unpacked.rows.empty()
            ? states->narrow(0, 0, batch.num_tokens())
            : states->index_select(0, at::tensor(at::ArrayRef<int32_t>(unpacked.rows), at::kLong));
    output.documents = HatPool(model_, *states, *segments, pooling_);
    if (model_.heads().pooler) output.documents = HatPooler(model_, output.documents);
    if (info_.classifies) {
      output.logits = pooling_ == HatPooling::kLabelAttention
                          ? HatLabelAttentionLogits(model_, *states, *segments)
                          : HatClassifier(model_, output.documents);
      output.evidence = Evidence(batch, *segments, *states);
    }
    return output;
  }

 private:
  // Of the batch's own segments, in order; those of padding have no anchor to tell it of.
  AnchorEvidence Evidence(const PackedBatch& batch, const HatBatch& segments,
                          const at::Tensor& states) const {
    AnchorEvidence evidence;
    std::vector<int64_t> places;
    for (int64_t b = 0; b < batch.num_documents(); ++b) {
      int64_t place = segments.cu_segments[b];
      for (int32_t t = batch.cu_seqlens[b]; t < batch.cu_seqlens[b + 1]; ++t) {
        if (batch.roles[static_cast<size_t>(t)] != TokenRole::kSentenceAnchor) continue;
        evidence.rows.push_back(t);
        evidence.document.push_back(b);
        places.push_back(place++);
      }
    }
    const HatEvidence all = HatSegmentEvidence(model_, states, segments, pooling_);
    const at::Tensor own = at::tensor(places, at::kLong);
    evidence.weights = all.weights.index_select(0, own);
    evidence.effects = all.effects.index_select(0, own);
    return evidence;
  }

  const Hat model_;
  const HatPooling pooling_;
  const int32_t cls_id_;
  const Tokenizer& tokenizer_;
  EncoderInfo info_;
};

// What config.json says, or what the weights show: the reference's constructor argument is in
// neither file.
absl::StatusOr<HatPooling> PoolingOf(const HatConfig& config, const HatHeads& heads,
                                     const std::string& folder) {
  if (config.names_pooling && config.pooling == HatPooling::kAttentive && !heads.attentive) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder,
                     ": config.json: pooling is 'attentive', but the weights hold no "
                     "'pooler.attentive_pooling.v.weight'"));
  }
  const bool names_labels = config.names_pooling && config.pooling == HatPooling::kLabelAttention;
  if (heads.label_attention != names_labels) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder,
                     ": pooling of config.json is 'label_attention' just where the weights hold "
                     "'lwan.U.weight'; here only one of the two is so"));
  }
  if (config.names_pooling) return config.pooling;
  if (heads.attentive) return HatPooling::kAttentive;
  return config.architecture == "HATForMultipleChoice" ? HatPooling::kLast : HatPooling::kMax;
}

int64_t LayerBytes(Hat& model) {
  int64_t bytes = 0;
  for (const HatLayerWeights& layer : model.weights().layers) {
    bytes += SizeBytes(layer.segment.layer) + SizeBytes(layer.cross.layer);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Encoder>> LoadHatEncoder(
    const std::string& config_json, const TensorMap& weights, const Tokenizer& tokenizer,
    const std::function<bool(const std::string&)>& is_head_key, const std::string& folder,
    kernels::WeightType type) {
  auto config = ParseHatConfig(config_json, absl::StrCat(folder, "/config.json"));
  if (!config.ok()) return config.status();
  HatHeads heads = Hat::HeadsIn(weights);
  heads.masked_lm = heads.spans = false;  // no task of the engine asks for them
  if (!heads.pooler) heads.attentive = false;
  // Rows of segments and choices are not classes of documents.
  const bool classifies = heads.label_attention || heads.pooler;
  if (!classifies || config->architecture == "HATForMultipleChoice") heads.num_classes = 0;
  if (heads.num_classes > 0 && heads.num_classes != config->num_labels()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": the classification head has ", heads.num_classes,
                     " classes, but id2label of config.json names ", config->num_labels()));
  }
  auto pooling = PoolingOf(*config, heads, folder);
  if (!pooling.ok()) return pooling.status();
  auto model = Hat::Load(*config, heads, weights, is_head_key, folder);
  if (!model.ok()) return model.status();
  const int64_t other_bytes = SizeBytes(model->Table()) - LayerBytes(*model);
  const absl::Status packed = model->PackForInference(type);
  if (!packed.ok()) return packed;
  const int64_t weight_bytes = other_bytes + LayerBytes(*model);
  auto names = ReadSpecialTokens(folder);
  if (!names.ok()) return names.status();
  auto cls_id = SpecialTokenId(tokenizer, names->cls, {"[CLS]", "<s>"}, "cls_token");
  if (!cls_id.ok()) return cls_id.status();
  if (*cls_id >= config->vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": the tokenizer's cls_token has id ",
                                                   *cls_id, ", vocab_size of config.json is ",
                                                   config->vocab_size));
  }
  return std::make_unique<HatEncoder>(*std::move(model), *pooling, *cls_id, tokenizer,
                                      weight_bytes);
}

}  // namespace strata::models
