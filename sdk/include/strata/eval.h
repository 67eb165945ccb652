// Scores a classifier on labelled documents. Link strata::engine.
#ifndef STRATA_EVAL_H_
#define STRATA_EVAL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "strata/client.h"
#include "strata/export.h"
#include "strata/options.h"

namespace strata {

struct ClassScore {
  std::string label;
  std::int64_t support = 0;                  // documents of this class
  double precision = 0, recall = 0, f1 = 0;  // 0 where nothing was predicted or present
};

struct ClassificationScore {
  std::int64_t num_documents = 0;
  double accuracy = 0;
  double macro_f1 = 0;  // mean over the classes that occur, in truth or prediction
  double mean_log_loss = 0;
  std::vector<ClassScore> classes;                   // in the model's order
  std::vector<std::vector<std::int64_t>> confusion;  // [true][predicted]
};

struct EvalReport {
  std::string model;
  ClassificationScore score;
  std::int64_t num_bytes = 0;  // of documents
  double seconds = 0;
};

struct EvalProgress {
  std::int64_t documents_done = 0;
  std::int64_t bytes_done = 0;
  double seconds = 0;
};

struct EvalOptions {
  ClassifyManyOptions many;                           // its top_k and explain are not used
  std::function<void(const EvalProgress&)> progress;  // after each document; may be null
};

// `path`: JSON Lines, plain or gzip, with a "label" on each line. By a client of any kind.
// INVALID_ARGUMENT: a line without a label, or with one the model does not know (names the line).
// A document that fails ends the run with its error.
STRATA_API absl::StatusOr<EvalReport> Evaluate(const Client& client, const std::string& path,
                                               const EvalOptions& options = {});

}  // namespace strata

#endif  // STRATA_EVAL_H_
