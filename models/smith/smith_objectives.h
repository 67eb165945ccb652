// What SMITH is trained on: matching of a pair, masked words, masked sentence blocks.
//
// Paper: arXiv 2004.12297, §3.4 and §3.5. Reference: google-research/google-research,
// smith/loss_fns.py and smith/layers.py. All functions are differentiable.
#ifndef STRATA_MODELS_SMITH_SMITH_OBJECTIVES_H_
#define STRATA_MODELS_SMITH_SMITH_OBJECTIVES_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <random>
#include <vector>

#include "absl/status/statusor.h"
#include "models/smith/smith.h"

namespace strata::models {

// Mean over the pairs of the sigmoid cross entropy of MatchLogits(), positives weighted by
// neg_to_pos_example_ratio. logits [B]; labels [B], 0 or 1.
at::Tensor SmithMatchLoss(const SmithConfig& config, const at::Tensor& logits,
                          const at::Tensor& labels);

// One masked word: its row in the packed batch, the number of its block in its document, the word
// that stood there.
struct SmithMaskedWord {
  int32_t row = 0;
  int32_t block_number = 0;
  int32_t label = 0;
};

// The sum over block numbers of the mean over all documents' masked words in blocks of that number
// (the reference adds up one loss for each turn of its loop). `states` as Forward() gives them if
// wanted. INVALID_ARGUMENT: the checkpoint has no word head.
absl::StatusOr<at::Tensor> SmithMaskedWordLoss(const Smith& model, const at::Tensor& states,
                                               const std::vector<SmithMaskedWord>& words);

// For each of `num_documents` documents max(2, max_masked_sent_per_doc) different numbers below
// loop_sent_number_per_doc, sorted; all of them where the loop is shorter.
std::vector<std::vector<int32_t>> DrawMaskedBlocks(const SmithConfig& config, int64_t num_documents,
                                                   std::mt19937_64& random);

// Each masked block of the documents must be recognised among all masked blocks of the batch by
// what the document level makes of its place: mean cross entropy over the blocks that are not
// padding. `output` is of a pass with these masked_blocks, which must be equally many in each
// document; a number beyond a document's blocks stands for padding, a candidate without a question.
// INVALID_ARGUMENT: the checkpoint has no sentence head, or its biases are for another number of
// masked blocks.
absl::StatusOr<at::Tensor> SmithMaskedSentenceLoss(
    const Smith& model, const SmithOutput& output,
    const std::vector<std::vector<int32_t>>& masked_blocks);

}  // namespace strata::models

#endif  // STRATA_MODELS_SMITH_SMITH_OBJECTIVES_H_
