#include <ATen/ATen.h>

#include <utility>

#include "models/bench/bench_model.h"
#include "models/hat/hat.h"
#include "models/hat/hat_segmentation.h"

namespace strata::models {
namespace {

// The released base model, hierarchical-transformer-base-4096: 12 layers, every third of them with
// a cross-segment encoder.
HatConfig BaseConfig() {
  HatConfig config;
  config.vocab_size = 50265;
  config.max_sentences = 32;
  config.max_sentence_length = 128;
  config.pad_token_id = 1;
  config.type_vocab_size = 1;
  config.adds_cross_positions = false;
  for (int32_t i = 0; i < config.num_hidden_layers; ++i) {
    config.encoder_layout.push_back({true, i % 3 == 2});
  }
  return config;
}

class HatBenchModel : public BenchModel {
 public:
  HatBenchModel(Hat model, int64_t weight_bytes)
      : model_(std::move(model)), weight_bytes_(weight_bytes) {}

  int64_t weight_bytes() const override { return weight_bytes_; }

  absl::StatusOr<BenchWork> Run(absl::Span<const DocumentShape> shapes) const override {
    std::vector<HatDocument> documents;
    for (const DocumentShape& shape : shapes) documents.push_back(DocumentOf(shape));
    auto batch = BatchHatDocuments(documents);
    if (!batch.ok()) return batch.status();
    auto states = model_.Forward(*batch);
    if (!states.ok()) return states.status();

    const HatConfig& config = model_.config();
    const double c = config.hidden_size, f = config.intermediate_size;
    const double per_row = 2 * (4 * c * c + 2 * c * f);
    BenchWork work;
    work.rows = batch->num_rows();
    for (const HatLayout& layout : config.encoder_layout) {
      const auto count = [&](int64_t rows, const kernels::StructurePlan& plan) {
        work.linear_flops += per_row * static_cast<double>(rows);
        work.attention_flops += 4.0 * c * static_cast<double>(plan.num_pairs());
      };
      if (layout.has_segment_encoder) count(batch->num_rows(), *batch->within.plan);
      if (layout.has_cross_encoder) count(batch->num_segments(), *batch->across.plan);
    }
    return work;
  }

 private:
  // Sentences grouped into segments; ids walk through the vocabulary.
  HatDocument DocumentOf(const DocumentShape& shape) const {
    const HatConfig& config = model_.config();
    std::vector<int64_t> lengths;
    for (const std::vector<int32_t>& section : shape) {
      lengths.insert(lengths.end(), section.begin(), section.end());
    }
    BenchIds ids(49000);
    HatDocument document;
    for (const TokenRange& range : GroupSentences(lengths, config.max_sentence_length - 1)) {
      const auto number = static_cast<int32_t>(document.segments.size());
      document.place_of_segment.push_back(number);
      HatSegment& segment = document.segments.emplace_back();
      segment.index = number;
      for (int64_t t = range.begin; t <= range.end; ++t) {  // the first token, then the range's
        const auto index = static_cast<int32_t>(t - range.begin);
        const int32_t id = ids.Next();
        segment.tokens.push_back({.id = index == 0 ? 0 : id,
                                  .position = HatTokenPosition(config, id, index),
                                  .index = index});
      }
    }
    return document;
  }

  const Hat model_;
  const int64_t weight_bytes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<BenchModel>> MakeHatBenchModel(kernels::WeightType type) {
  at::manual_seed(1);
  const HatConfig config = BaseConfig();
  Hat model(config, HatHeads{}, AllocateHatWeights(config, HatHeads{}));
  InitializeHatWeights(config, model.Table());
  const absl::Status packed = model.PackForInference(type);
  if (!packed.ok()) return packed;
  const HatWeights& weights = model.weights();
  int64_t weight_bytes = 0;
  for (const at::Tensor* table :
       {&weights.word_embeddings, &weights.position_embeddings, &weights.token_type_embeddings}) {
    weight_bytes += table->numel() * static_cast<int64_t>(sizeof(float));
  }
  for (const HatLayerWeights& layer : weights.layers) {
    for (const HatEncoderWeights* encoder : {&layer.segment, &layer.cross}) {
      if (encoder->layer.packed != nullptr) weight_bytes += encoder->layer.packed->size_bytes();
    }
  }
  return std::make_unique<HatBenchModel>(std::move(model), weight_bytes);
}

}  // namespace strata::models
