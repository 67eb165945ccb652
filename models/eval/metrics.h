// Scores of a classification run, of documents or of their parts.
#ifndef STRATA_MODELS_EVAL_METRICS_H_
#define STRATA_MODELS_EVAL_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace strata::models {

struct ClassMetrics {
  std::string label;
  int64_t support = 0;                       // outcomes of this class
  double precision = 0, recall = 0, f1 = 0;  // 0 where nothing was predicted or present
};

// 95 of 100 resamplings lie in it.
struct Interval {
  double low = 0, high = 0;
};

struct ClassificationMetrics {
  int64_t num_documents = 0;
  int64_t num_labels = 0;  // outcomes; num_documents where each document has one
  double accuracy = 0;
  double macro_f1 = 0;  // mean over the classes that occur, in truth or prediction
  double mean_log_loss = 0;
  std::vector<ClassMetrics> classes;
  std::vector<std::vector<int64_t>> confusion;  // [true][predicted]
};

// One outcome, as class indices.
struct ClassificationOutcome {
  int32_t truth = 0;
  int32_t predicted = 0;
  double log_loss = 0;   // -log of the probability given to the truth
  int64_t document = 0;  // the outcomes of a document stand together
};

ClassificationMetrics ComputeClassificationMetrics(
    const std::vector<std::string>& labels, const std::vector<ClassificationOutcome>& outcomes);

// The middle 95 % of `values`, between the nearest two; zeros of none.
Interval MiddleOf(std::vector<double> values);

struct ClassificationIntervals {
  Interval accuracy, macro_f1;
};

// How far the scores would move with other documents like these: documents are drawn with
// repetition, all outcomes of one together, `num_resamples` times; the middle 95 % of the scores
// (percentile bootstrap, Efron 1979). The same for the same seed. Empty outcomes: zeros.
ClassificationIntervals BootstrapIntervals(size_t num_labels,
                                           const std::vector<ClassificationOutcome>& outcomes,
                                           int num_resamples = 1000, uint64_t seed = 1);

}  // namespace strata::models

#endif  // STRATA_MODELS_EVAL_METRICS_H_
