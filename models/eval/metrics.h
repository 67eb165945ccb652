// Scores of a classification run.
#ifndef STRATA_MODELS_EVAL_METRICS_H_
#define STRATA_MODELS_EVAL_METRICS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace strata::models {

struct ClassMetrics {
  std::string label;
  int64_t support = 0;                       // documents of this class
  double precision = 0, recall = 0, f1 = 0;  // 0 where nothing was predicted or present
};

struct ClassificationMetrics {
  int64_t num_documents = 0;
  double accuracy = 0;
  double macro_f1 = 0;  // mean over the classes that occur, in truth or prediction
  double mean_log_loss = 0;
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<int64_t>> confusion;  // [true][predicted]
};

// One document's outcome, as class indices.
struct ClassificationOutcome {
  int32_t truth = 0;
  int32_t predicted = 0;
  double log_loss = 0;  // -log of the probability given to the truth
};

ClassificationMetrics ComputeClassificationMetrics(
    const std::vector<std::string>& labels, const std::vector<ClassificationOutcome>& outcomes);

}  // namespace strata::models

#endif  // STRATA_MODELS_EVAL_METRICS_H_
