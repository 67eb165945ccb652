#include <ATen/ATen.h>

#include <utility>

#include "models/batch/packed_batch.h"
#include "models/bench/bench_model.h"
#include "models/hdt/hdt.h"
#include "models/hdt/hdt_input.h"

namespace strata::models {
namespace {

HdtConfig BaseConfig() {
  HdtConfig config;
  config.vocab_size = 32768;
  config.d_model = 768;
  config.d_kv = 64;
  config.d_ff = 3072;
  config.num_layers = 12;
  config.num_heads = 12;
  config.is_encoder_decoder = false;
  return config;
}

class HdtBenchModel : public BenchModel {
 public:
  HdtBenchModel(Hdt model, int64_t weight_bytes)
      : model_(std::move(model)), weight_bytes_(weight_bytes) {}

  int64_t weight_bytes() const override { return weight_bytes_; }

  absl::StatusOr<BenchWork> Run(absl::Span<const DocumentShape> documents) const override {
    std::vector<AnchoredSequence> sequences;
    for (const DocumentShape& shape : documents) {
      sequences.push_back(AnchorSections(SectionsOf(shape), {0, 1, 2}, {}, {}, 0));
    }
    std::vector<const AnchoredSequence*> pointers;
    for (const AnchoredSequence& sequence : sequences) pointers.push_back(&sequence);
    auto batch = Pack(pointers);
    if (!batch.ok()) return batch.status();
    auto states = model_.Forward(*batch);
    if (!states.ok()) return states.status();

    const HdtConfig& config = model_.config();
    const double c = config.d_model, a = config.inner_size(), f = config.d_ff;
    BenchWork work;
    work.rows = batch->num_tokens();
    work.linear_flops =
        2.0 * config.num_layers * static_cast<double>(work.rows) * (4 * c * a + 2 * c * f);
    work.attention_flops =
        4.0 * config.num_layers * static_cast<double>(batch->plan->num_pairs()) * a;
    return work;
  }

 private:
  // Ids walk through the vocabulary, past the anchors' own.
  std::vector<HdtSection> SectionsOf(const DocumentShape& shape) const {
    BenchIds ids(model_.config().vocab_size - 1000);
    std::vector<HdtSection> sections;
    for (const std::vector<int32_t>& sentences : shape) {
      HdtSection section;
      for (int32_t length : sentences) {
        HdtSentence sentence;
        for (int32_t i = 0; i < length; ++i) sentence.token_ids.push_back(ids.Next());
        sentence.spans.resize(length);
        section.sentences.push_back(std::move(sentence));
      }
      sections.push_back(std::move(section));
    }
    return sections;
  }

  const Hdt model_;
  const int64_t weight_bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BenchModel>> MakeHdtBenchModel(kernels::WeightType type) {
  at::manual_seed(1);
  const HdtConfig config = BaseConfig();
  Hdt model(config, HdtHeads{}, InitialHdtWeights(config));
  const absl::Status packed = model.PackForInference(type);
  if (!packed.ok()) return packed;
  int64_t weight_bytes = model.weights().shared.numel() * static_cast<int64_t>(sizeof(float));
  for (const TransformerLayer& layer : model.weights().layers) {
    weight_bytes += layer.packed->size_bytes();
  }
  return std::make_unique<HdtBenchModel>(std::move(model), weight_bytes);
}

}  // namespace strata::models
