// A summary of a document's own sentences: the ones of most weight, within a budget, none that says
// again what another one says.
#ifndef STRATA_MODELS_HEADS_EXTRACTIVE_SUMMARY_H_
#define STRATA_MODELS_HEADS_EXTRACTIVE_SUMMARY_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace strata::models {

// The S sentences that may be taken, in document order.
struct ExtractCandidates {
  std::vector<float> weights;                   // [S]
  std::vector<int64_t> num_words;               // [S] as a reader counts them
  std::vector<std::vector<int32_t>> token_ids;  // [S]
  at::Tensor vectors;                           // [S, d] float32
};

struct ExtractBudget {
  int64_t max_words = 0;      // of all sentences together; 0 = no limit
  int64_t max_sentences = 0;  // 0 = no limit
  double max_similarity = 1;  // a sentence closer than this to one already taken is left out
};

// How alike sentences a and b are, 0 to 1: the larger of the share of tokens that they have in
// common (Dice over distinct ids) and the cosine of their vectors, after the document's mean, which
// all its sentences share, is taken off.
double SentenceSimilarity(const ExtractCandidates& candidates, size_t a, size_t b);

// Indices of the chosen sentences, in document order. By weight, the earlier of equals first; one
// that no longer fits is passed over and the next one tried.
std::vector<size_t> ExtractSentences(const ExtractCandidates& candidates,
                                     const ExtractBudget& budget);

// Weights of a model that has none of its own: how near a sentence's vector is to the middle of the
// document's (cosine, 0 at least), scaled to sum 1; equal where nothing is near. vectors [S, d].
std::vector<float> CentralityWeights(const at::Tensor& vectors);

}  // namespace strata::models

#endif  // STRATA_MODELS_HEADS_EXTRACTIVE_SUMMARY_H_
