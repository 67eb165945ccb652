#include "models/eval/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "models/document/json_lines.h"

namespace strata::models {
namespace {

constexpr double kSmallestProbability = 1e-30;  // keeps a log loss finite

// Collects documents until they fill a packed batch, then runs it.
class BatchScorer {
 public:
  BatchScorer(const Engine& engine, std::vector<ClassificationOutcome>& outcomes)
      : engine_(engine), outcomes_(outcomes) {
    const std::vector<std::string>& labels = engine.info().labels;
    for (size_t k = 0; k < labels.size(); ++k) class_of_[labels[k]] = static_cast<int32_t>(k);
  }

  absl::Status Add(const std::string& path, const JsonLine& line) {
    const auto where = [&] { return absl::StrCat(path, ":", line.line_number, ": "); };
    const auto found = class_of_.find(line.label);
    if (found == class_of_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(where(), line.label.empty()
                                    ? std::string("no label")
                                    : absl::StrCat("label '", line.label, "' is not the model's")));
    }
    auto tree = ReadDocument(line.json, DocumentFormat::kJson);
    if (!tree.ok())
      return absl::Status(tree.status().code(), absl::StrCat(where(), tree.status().message()));
    auto document = engine_.Prepare(*std::move(tree), {});
    if (!document.ok()) {
      return absl::Status(document.status().code(),
                          absl::StrCat(where(), document.status().message()));
    }
    tokens_ += document->sequence.num_tokens();
    documents_.push_back(*std::move(document));
    truths_.push_back(found->second);
    return absl::OkStatus();
  }

  int64_t tokens() const { return tokens_; }

  absl::Status Run() {
    std::vector<WorkItem> items;
    for (const PreparedDocument& document : documents_) items.push_back({&document, TaskRequest{}});
    auto results = engine_.Run(items, nullptr);
    if (!results.ok()) return results.status();
    for (size_t i = 0; i < results->size(); ++i) {
      const TaskResult& result = (*results)[i];
      if (!result.status.ok()) return result.status;
      ClassificationOutcome& outcome = outcomes_.emplace_back();
      outcome.truth = truths_[i];
      outcome.predicted = class_of_.at(result.labels.front().label);
      for (const LabelScore& score : result.labels) {
        if (class_of_.at(score.label) != outcome.truth) continue;
        outcome.log_loss =
            -std::log(std::max(static_cast<double>(score.probability), kSmallestProbability));
      }
    }
    documents_.clear();
    truths_.clear();
    tokens_ = 0;
    return absl::OkStatus();
  }

 private:
  const Engine& engine_;
  std::vector<ClassificationOutcome>& outcomes_;
  std::map<std::string, int32_t> class_of_;
  std::vector<PreparedDocument> documents_;
  std::vector<int32_t> truths_;
  int64_t tokens_ = 0;
};

}  // namespace

absl::StatusOr<ClassificationMetrics> EvaluateClassifier(const Engine& engine,
                                                         const std::string& path,
                                                         const EvaluateOptions& options) {
  if (absl::Status status = engine.Check(TaskRequest{}); !status.ok()) return status;
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::vector<ClassificationOutcome> outcomes;
  BatchScorer scorer(engine, outcomes);
  EvaluateProgress progress;
  const absl::Time begin = absl::Now();
  JsonLine line;
  while (true) {
    auto more = (*reader)->Next(line);
    if (!more.ok()) return more.status();
    if (*more) {
      if (absl::Status status = scorer.Add(path, line); !status.ok()) return status;
      progress.bytes_done += static_cast<int64_t>(line.json.size());
    }
    if (scorer.tokens() >= options.max_batch_tokens || (!*more && scorer.tokens() > 0)) {
      if (absl::Status status = scorer.Run(); !status.ok()) return status;
      progress.documents_done = static_cast<int64_t>(outcomes.size());
      progress.seconds = absl::ToDoubleSeconds(absl::Now() - begin);
      if (options.progress) options.progress(progress);
    }
    if (!*more) break;
  }
  if (outcomes.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " holds no document"));
  return ComputeClassificationMetrics(engine.info().labels, outcomes);
}

}  // namespace strata::models
