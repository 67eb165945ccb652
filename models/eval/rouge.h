// ROUGE (C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries", 2004), equal to the
// rouge-score package with its stemmer: words are runs of ASCII letters and digits in lower case,
// those of more than three letters stemmed.
#ifndef STRATA_MODELS_EVAL_ROUGE_H_
#define STRATA_MODELS_EVAL_ROUGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "models/eval/metrics.h"

namespace strata::models {

struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};

struct RougeScores {
  RougeScore rouge1, rouge2;  // words and pairs of words in common
  RougeScore rouge_l;         // longest common subsequence of words
  RougeScore rouge_l_sum;     // the same by sentences, which are the lines of both texts
};

// UTF-8. Time and memory grow with the product of both lengths.
RougeScores ComputeRouge(std::string_view reference, std::string_view summary);

// Means over summaries, and where those of F1 lie by bootstrap.
struct RougeReport {
  RougeScores mean;
  Interval rouge1, rouge2, rouge_l, rouge_l_sum;
};

RougeReport SummarizeRouge(const std::vector<RougeScores>& scores, int num_resamples = 1000,
                           uint64_t seed = 1);

}  // namespace strata::models

#endif  // STRATA_MODELS_EVAL_ROUGE_H_
