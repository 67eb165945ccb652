// The scores of models/eval as the SDK's structs.
#ifndef STRATA_SDK_EMBEDDED_SCORE_H_
#define STRATA_SDK_EMBEDDED_SCORE_H_

#include "models/eval/metrics.h"
#include "strata/eval.h"

namespace strata::internal {

inline ClassificationScore FromModels(const models::ClassificationMetrics& metrics,
                                      const models::ClassificationIntervals& intervals) {
  ClassificationScore score;
  score.num_labels = metrics.num_labels;
  score.accuracy_interval = {intervals.accuracy.low, intervals.accuracy.high};
  score.macro_f1_interval = {intervals.macro_f1.low, intervals.macro_f1.high};
  score.num_documents = metrics.num_documents;
  score.accuracy = metrics.accuracy;
  score.macro_f1 = metrics.macro_f1;
  score.mean_log_loss = metrics.mean_log_loss;
  for (const models::ClassMetrics& one : metrics.classes) {
    score.classes.push_back({one.label, one.support, one.precision, one.recall, one.f1});
  }
  score.confusion = metrics.confusion;
  return score;
}

}  // namespace strata::internal

#endif  // STRATA_SDK_EMBEDDED_SCORE_H_
