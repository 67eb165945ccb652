// Scores a classifier on labelled JSON Lines, through the engine that serves it.
#ifndef STRATA_MODELS_EVAL_EVALUATE_H_
#define STRATA_MODELS_EVAL_EVALUATE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "models/engine/engine.h"
#include "models/eval/metrics.h"

namespace strata::models {

struct EvaluateProgress {
  int64_t documents_done = 0;
  int64_t bytes_done = 0;  // of JSON
  double seconds = 0;
};

struct EvaluateOptions {
  int64_t max_batch_tokens = 16384;
  std::function<void(const EvaluateProgress&)> progress;  // after each batch; may be null
};

// `path`: JSON Lines, plain or gzip, with a "label" on each line. INVALID_ARGUMENT: a line without
// a label, or with one the model does not know (names the line). NOT_FOUND: no such file.
absl::StatusOr<ClassificationMetrics> EvaluateClassifier(const Engine& engine,
                                                         const std::string& path,
                                                         const EvaluateOptions& options = {});

}  // namespace strata::models

#endif  // STRATA_MODELS_EVAL_EVALUATE_H_
