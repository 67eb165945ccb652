#include "strata/eval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "models/eval/metrics.h"
#include "sdk/embedded/score.h"
#include "strata/local.h"

namespace strata {
namespace {

// One run over a file; the source and the callback run on two threads of the stream.
class Evaluation {
 public:
  Evaluation(std::vector<std::string> labels, std::unique_ptr<JsonLinesReader> reader,
             const std::string& path)
      : labels_(std::move(labels)), reader_(std::move(reader)), path_(path) {
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      index_of_label_[labels_[i]] = static_cast<std::int32_t>(i);
    }
  }

  // The next document, its id replaced by its line and truth; nullopt at the end or an error.
  std::optional<DocumentInput> Next() {
    LabelledDocument line;
    const absl::StatusOr<bool> more = reader_->Next(line);
    if (!more.ok()) source_error_ = more.status();
    if (!more.ok() || !*more) return std::nullopt;
    const auto truth = index_of_label_.find(line.label);
    if (truth == index_of_label_.end()) {
      source_error_ = absl::InvalidArgumentError(
          line.label.empty() ? absl::StrCat(path_, ", line ", line.line, ": has no \"label\"")
                             : absl::StrCat(path_, ", line ", line.line, ": label '", line.label,
                                            "' is not one of the model's ", labels_.size()));
      return std::nullopt;
    }
    num_bytes_ += line.document.size_bytes().value_or(0);
    return line.document.set_id(absl::StrCat(line.line, " ", truth->second));
  }

  void Add(const std::string& id, const absl::StatusOr<ClassifyResult>& result) {
    const std::size_t space = id.find(' ');
    if (!result.ok() || result->labels.empty()) {
      if (error_.ok()) {
        error_ = result.ok() ? absl::InternalError("an answer holds no label")
                             : absl::Status(result.status().code(),
                                            absl::StrCat(path_, ", line ", id.substr(0, space),
                                                         ": ", result.status().message()));
      }
      return;
    }
    models::ClassificationOutcome outcome;
    outcome.truth = std::stoi(id.substr(space + 1));
    const auto predicted = index_of_label_.find(result->labels[0].label);
    if (predicted == index_of_label_.end()) {
      // The model changed under the run (a service may reload it): its score would be of neither.
      if (error_.ok()) {
        error_ = absl::FailedPreconditionError(
            absl::StrCat("the answer '", result->labels[0].label,
                         "' is no label that the model had at the start"));
      }
      return;
    }
    outcome.predicted = predicted->second;
    for (const LabelScore& label : result->labels) {
      if (label.label != labels_[outcome.truth]) continue;
      outcome.log_loss = -std::log(std::max(label.probability, std::numeric_limits<float>::min()));
    }
    outcomes_.push_back(outcome);
    model_ = result->model;
  }

  bool failed() const { return !error_.ok(); }
  // After the stream has ended.
  absl::StatusOr<EvalReport> Report() const {
    if (!error_.ok()) return error_;
    if (!source_error_.ok()) return source_error_;
    if (outcomes_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(path_, " holds no document"));
    }
    EvalReport report;
    report.model = model_;
    report.score = internal::FromModels(models::ComputeClassificationMetrics(labels_, outcomes_));
    report.num_bytes = num_bytes_;
    return report;
  }

 private:
  const std::vector<std::string> labels_;
  std::map<std::string, std::int32_t> index_of_label_;
  std::unique_ptr<JsonLinesReader> reader_;
  const std::string path_;
  // Of the source's thread.
  std::int64_t num_bytes_ = 0;
  absl::Status source_error_;
  // Of the callback's thread.
  std::vector<models::ClassificationOutcome> outcomes_;
  std::string model_;
  absl::Status error_;
};

absl::StatusOr<std::vector<std::string>> LabelsOf(const Client& client, const std::string& model) {
  const auto models = client.ListModels();
  if (!models.ok()) return models.status();
  for (const ModelDescription& description : *models) {
    if (!model.empty() && description.name != model) continue;
    if (description.labels.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("model '", description.name, "' has no labels: it is no classifier"));
    }
    return description.labels;
  }
  return absl::NotFoundError(absl::StrCat("no model is named '", model, "'"));
}

}  // namespace

absl::StatusOr<EvalReport> Evaluate(const Client& client, const std::string& path,
                                    const EvalOptions& options) {
  auto labels = LabelsOf(client, options.many.classify.model);
  if (!labels.ok()) return labels.status();
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();

  const absl::Time start = absl::Now();
  Evaluation evaluation(*std::move(labels), *std::move(reader), path);
  EvalProgress progress;
  ClassifyManyOptions many = options.many;
  many.classify.top_k = 0;
  many.classify.explain = false;
  ClassifyStream* running = nullptr;
  std::mutex mutex;  // guards `running` while the stream is being made
  std::unique_lock<std::mutex> lock(mutex);
  auto stream =
      client.ClassifyMany([&] { return evaluation.Next(); },
                          [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
                            evaluation.Add(id, result);
                            if (evaluation.failed()) {
                              std::lock_guard<std::mutex> made(mutex);
                              running->Cancel();
                              return;
                            }
                            ++progress.documents_done;
                            progress.bytes_done += result->tokens.source_kept.size();
                            progress.seconds = absl::ToDoubleSeconds(absl::Now() - start);
                            if (options.progress) options.progress(progress);
                          },
                          many);
  running = stream.get();
  lock.unlock();
  stream->Wait().IgnoreError();  // its own errors are in the report
  stream.reset();
  auto report = evaluation.Report();
  if (!report.ok()) return report.status();
  report->seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return report;
}

}  // namespace strata
