#include "models/train/trained_model.h"

#include <cmath>
#include <set>

#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

// Matrices by their fan-in, so that a shallow, narrow encoder starts with signals of size 1.
void InitializeByFanIn(const HdtConfig& config, double embedding_std, HdtWeights& weights) {
  const auto fill = [](at::Tensor& matrix, double std) { matrix.normal_(0.0, std); };
  const double by_hidden = 1.0 / std::sqrt(static_cast<double>(config.d_model));
  fill(weights.shared, embedding_std);
  for (TransformerLayer& layer : weights.layers) {
    fill(layer.qkv.weight, by_hidden);
    fill(layer.attention_out.weight, 1.0 / std::sqrt(static_cast<double>(config.inner_size())));
    fill(layer.feed_forward_in.weight, by_hidden);
    fill(layer.feed_forward_out.weight, 1.0 / std::sqrt(static_cast<double>(config.d_ff)));
  }
}

}  // namespace

absl::StatusOr<TrainedModel> TrainedModel::Initialize(const TrainOptions& options,
                                                      int32_t vocab_size,
                                                      const std::vector<std::string>& labels) {
  auto config = ParseHdtConfig(ModelConfigJson(options, vocab_size, labels), "options");
  if (!config.ok()) return config.status();
  HdtWeights weights = InitialHdtWeights(*config);
  InitializeByFanIn(*config, options.recipe.embedding_std, weights);
  TrainedModel model{Hdt(*config, HdtHeads{}, std::move(weights)), {}};
  const auto num_labels = static_cast<int64_t>(labels.size());
  if (options.task == TrainTask::kDocuments) {
    model.head = InitialSentenceClassifierWeights(config->d_model, num_labels);
  } else {
    model.head = InitialNodeLabellerWeights(config->d_model, num_labels);
  }
  for (auto& [tensor, decays] : model.Parameters()) tensor.set_requires_grad(true);
  return model;
}

std::vector<WeightEntry> TrainedModel::Table() {
  std::vector<WeightEntry> table = encoder.Table();
  // Tree mode never reads the relative bias, so it is neither trained nor written.
  std::erase_if(table, [](const WeightEntry& entry) {
    return entry.key.ends_with("relative_attention_bias.weight");
  });
  auto* const classifier = std::get_if<SentenceClassifierWeights>(&head);
  for (WeightEntry& entry : classifier != nullptr
                                ? SentenceClassifierTable(*classifier)
                                : NodeLabellerTable(std::get<NodeLabellerWeights>(head))) {
    table.push_back(std::move(entry));
  }
  return table;
}

std::vector<std::pair<at::Tensor, bool>> TrainedModel::Parameters() {
  std::vector<std::pair<at::Tensor, bool>> parameters;
  std::set<const at::Tensor*> seen;
  for (const WeightEntry& entry : Table()) {
    if (seen.insert(entry.tensor).second) {
      parameters.emplace_back(*entry.tensor, entry.tensor->dim() >= 2);
    }
  }
  return parameters;
}

std::string ModelConfigJson(const TrainOptions& options, int32_t vocab_size,
                            const std::vector<std::string>& labels) {
  const TrainArchitecture& architecture = options.architecture;
  nlohmann::ordered_json config;
  config["architectures"] = {options.task == TrainTask::kDocuments
                                 ? "HDTEncoderForSequenceClassification"
                                 : "HDTEncoderForNodeLabelling"};
  config["model_type"] = "hdt";
  config["vocab_size"] = vocab_size;
  config["d_model"] = architecture.d_model;
  config["d_kv"] = architecture.d_kv;
  config["d_ff"] = architecture.d_ff;
  config["num_layers"] = architecture.num_layers;
  config["num_heads"] = architecture.num_heads;
  config["feed_forward_proj"] = architecture.feed_forward_proj;
  config["layer_norm_epsilon"] = 1e-6;
  config["dropout_rate"] = options.recipe.dropout;
  config["is_encoder_decoder"] = false;
  config["is_hierarchical"] = true;
  config["pad_token_id"] = 0;
  if (options.task != TrainTask::kDocuments) {
    config["label_level"] = options.task == TrainTask::kSections ? "section" : "sentence";
  }
  nlohmann::ordered_json id2label, label2id;
  for (size_t k = 0; k < labels.size(); ++k) {
    id2label[std::to_string(k)] = labels[k];
    label2id[labels[k]] = k;
  }
  config["id2label"] = id2label;
  config["label2id"] = label2id;
  return config.dump(2) + "\n";
}

}  // namespace strata::models
