#include "models/smith/smith_objectives.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/layers/layers.h"

namespace strata::models {
namespace {

constexpr double kDivisorFloor = 1e-5;  // the reference adds it to every sum of weights

at::Tensor IndexTensor(const std::vector<int64_t>& values) { return at::tensor(values, at::kLong); }

// LN(act(W x)), the transform in front of both pre-training outputs.
at::Tensor Transform(const SmithBertConfig& config, const Linear& linear, const Norm& norm,
                     const at::Tensor& x) {
  return Normalize(norm, NormKind::kLayerNorm, SmithLayerSpec(config).epsilon,
                   Activate(Apply(linear, x), config.activation));
}

}  // namespace

at::Tensor SmithMatchLoss(const SmithConfig& config, const at::Tensor& logits,
                          const at::Tensor& labels) {
  const at::Tensor target = labels.to(logits.scalar_type());
  const at::Tensor weight = target * config.neg_to_pos_example_ratio + (1 - target);
  return at::binary_cross_entropy_with_logits(logits, target, weight);
}

absl::StatusOr<at::Tensor> SmithMaskedWordLoss(const Smith& model, const at::Tensor& states,
                                               const std::vector<SmithMaskedWord>& words) {
  if (!model.heads().words) {
    return absl::InvalidArgumentError(
        "the checkpoint has no cls/word_predictions, which masked words need");
  }
  std::map<int32_t, std::vector<SmithMaskedWord>> words_of_number;
  for (const SmithMaskedWord& word : words) words_of_number[word.block_number].push_back(word);
  const SmithWeights& weights = model.weights();
  at::Tensor loss = at::zeros({}, states.options());
  for (const auto& [number, masked] : words_of_number) {
    std::vector<int64_t> rows, labels;
    for (const SmithMaskedWord& word : masked) {
      rows.push_back(word.row);
      labels.push_back(word.label);
    }
    const at::Tensor logits =
        at::linear(Transform(model.config().sentence, weights.word_transform, weights.word_norm,
                             states.index_select(0, IndexTensor(rows))),
                   weights.word_embeddings, weights.word_bias);
    const at::Tensor sum =
        at::cross_entropy_loss(logits, IndexTensor(labels), {}, at::Reduction::Sum);
    loss = loss + sum / (static_cast<double>(masked.size()) + kDivisorFloor);
  }
  return loss;
}

std::vector<std::vector<int32_t>> DrawMaskedBlocks(const SmithConfig& config, int64_t num_documents,
                                                   std::mt19937_64& random) {
  std::vector<int32_t> numbers(static_cast<size_t>(config.loop_sent_number_per_doc));
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto count = static_cast<size_t>(
      std::min(std::max(config.max_masked_sent_per_doc, 2), config.loop_sent_number_per_doc));
  std::vector<std::vector<int32_t>> drawn;
  for (int64_t b = 0; b < num_documents; ++b) {
    std::vector<int32_t> one;
    std::sample(numbers.begin(), numbers.end(), std::back_inserter(one), count, random);
    drawn.push_back(std::move(one));  // std::sample keeps the order
  }
  return drawn;
}

absl::StatusOr<at::Tensor> SmithMaskedSentenceLoss(
    const Smith& model, const SmithOutput& output,
    const std::vector<std::vector<int32_t>>& masked_blocks) {
  if (!model.heads().sentences) {
    return absl::InvalidArgumentError(
        "the checkpoint has no cls/sent_predictions, which masked blocks need");
  }
  // Candidates stand in the order of documents; those of real blocks are also questions.
  std::vector<int64_t> candidates, questions, answers;
  const int64_t padding = output.blocks.size(0);
  for (size_t b = 0; b < masked_blocks.size(); ++b) {
    for (int32_t number : masked_blocks[b]) {
      const bool is_real = number < output.first_block[b + 1] - output.first_block[b];
      if (is_real) {
        questions.push_back(output.first_block[b] + number);
        answers.push_back(static_cast<int64_t>(candidates.size()));
      }
      candidates.push_back(is_real ? output.first_block[b] + number : padding);
    }
  }
  const SmithWeights& weights = model.weights();
  if (static_cast<int64_t>(candidates.size()) != weights.sentence_bias.size(0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        candidates.size(), " blocks are masked, cls/sent_predictions/output_bias is for ",
        weights.sentence_bias.size(0), "; documents · masked blocks must stay what it was"));
  }
  if (questions.empty()) return at::zeros({}, output.blocks.options());
  const at::Tensor vectors = at::cat({output.blocks, model.PaddingBlock().unsqueeze(0)})
                                 .index_select(0, IndexTensor(candidates));
  const at::Tensor logits = at::linear(
      Transform(model.config().document, weights.sentence_transform, weights.sentence_norm,
                output.contextual.index_select(0, IndexTensor(questions))),
      vectors, weights.sentence_bias);
  const at::Tensor sum =
      at::cross_entropy_loss(logits, IndexTensor(answers), {}, at::Reduction::Sum);
  return sum / (static_cast<double>(questions.size()) + kDivisorFloor);
}

}  // namespace strata::models
