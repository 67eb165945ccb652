// Scores a classifier on labelled documents, sections, sentences, images or sounds. Link
// strata::engine.
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
  std::int64_t support = 0;                  // labels of this class
  double precision = 0, recall = 0, f1 = 0;  // 0 where nothing was predicted or present
};

// Where a score lies for 95 of 100 sets of documents like these.
struct ScoreInterval {
  double low = 0, high = 0;
};

struct ClassificationScore {
  std::int64_t num_documents = 0;
  std::int64_t num_labels = 0;  // scored; num_documents where each document has one
  double accuracy = 0;
  double macro_f1 = 0;  // mean over the classes that occur, in truth or prediction
  // By bootstrap over documents; zeros where that was not done.
  ScoreInterval accuracy_interval, macro_f1_interval;
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

// `path`: what OpenLabelledDocuments (strata/local.h) reads: JSON Lines, plain or gzip, with a
// "label" on each line, or CSV that names image, sound or document files and their labels. For a
// model that labels sections or sentences "labels", one for each, null where it is not known. A
// section without text of its own does not count. By a client of any kind. INVALID_ARGUMENT: a line
// without a label, with another number of labels than of nodes, or with a label that the model does
// not know (names the line). A document that fails ends the run with its error.
STRATA_API absl::StatusOr<EvalReport> Evaluate(const Client& client, const std::string& path,
                                               const EvalOptions& options = {});

// The mean over documents; the interval is that of F1.
struct RougeValue {
  double precision = 0, recall = 0, f1 = 0;
  ScoreInterval interval;
};

// As the rouge-score package computes it with its stemmer; the lines of rouge_l_sum are sentences.
struct RougeSummary {
  RougeValue rouge1, rouge2, rouge_l, rouge_l_sum;
};

struct SummaryEvalReport {
  std::string model;
  std::int64_t num_documents = 0;
  std::int64_t num_skipped = 0;  // lines without a summary
  double mean_words = 0;         // of the summaries that were made
  RougeSummary score;
  // What as many sentences from the head of the document score (three for a summary that was
  // written).
  RougeSummary lead;
  double seconds = 0;
};

struct SummaryEvalOptions {
  SummarizeOptions summarize;
  std::function<void(const EvalProgress&)> progress;  // after each document; may be null
};

// `path`: JSON Lines, plain or gzip, with a "summary" (a string, or a list of them) to compare
// with. Documents one after the other, by a client of any kind. INVALID_ARGUMENT: no line has a
// summary. A document that fails ends the run with its error, the line named.
STRATA_API absl::StatusOr<SummaryEvalReport> EvaluateSummaries(
    const Client& client, const std::string& path, const SummaryEvalOptions& options = {});

}  // namespace strata

#endif  // STRATA_EVAL_H_
