#include "strata/eval.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "models/eval/metrics.h"
#include "sdk/embedded/score.h"
#include "strata/local.h"

namespace strata {
namespace {

// One run over a file; the source and the callback run on two threads of the stream.
class Evaluation {
 public:
  Evaluation(const ModelDescription& model, std::unique_ptr<LabelledReader> reader,
             const std::string& path)
      : labels_(model.labels), level_(model.label_level), reader_(std::move(reader)), path_(path) {
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      index_of_label_[labels_[i]] = static_cast<std::int32_t>(i);
    }
  }

  // The next document, its id replaced by its line and what is true of which node ("12 0:3");
  // nullopt at the end or an error.
  std::optional<DocumentInput> Next() {
    LabelledDocument line;
    const absl::StatusOr<bool> more = reader_->Next(line);
    if (!more.ok()) source_error_ = more.status();
    if (!more.ok() || !*more) return std::nullopt;
    const auto truths = TruthsOf(line);
    if (!truths.ok()) {
      source_error_ =
          absl::Status(truths.status().code(),
                       absl::StrCat(path_, ", line ", line.line, ": ", truths.status().message()));
      return std::nullopt;
    }
    num_bytes_ += line.document.size_bytes().value_or(0);
    return line.document.set_id(absl::StrCat(line.line, *truths));
  }

  void Add(const std::string& id, const absl::StatusOr<ClassifyResult>& result) {
    const std::vector<std::string> parts = absl::StrSplit(id, ' ');
    if (!result.ok()) {
      if (error_.ok()) {
        error_ = absl::Status(result.status().code(), absl::StrCat(path_, ", line ", parts[0], ": ",
                                                                   result.status().message()));
      }
      return;
    }
    std::map<std::int32_t, std::int32_t> truth_of;  // by node
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::pair<std::string, std::string> truth = absl::StrSplit(parts[i], ':');
      truth_of[std::stoi(truth.first)] = std::stoi(truth.second);
    }
    const std::int64_t line = std::stoll(parts[0]);
    if (level_ == NodeKind::kDocument) {
      Add(line, truth_of[0], result->labels);
    } else {
      for (const LabelledNode& node : result->labelled_nodes) {
        const auto truth = truth_of.find(node.node);
        if (truth != truth_of.end()) Add(line, truth->second, node.labels);
      }
    }
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
    // Answers come as they are done; a score must not depend on that.
    std::vector<models::ClassificationOutcome> outcomes = outcomes_;
    std::ranges::stable_sort(outcomes, {}, &models::ClassificationOutcome::document);
    EvalReport report;
    report.model = model_;
    report.score = internal::FromModels(models::ComputeClassificationMetrics(labels_, outcomes),
                                        models::BootstrapIntervals(labels_.size(), outcomes));
    report.num_bytes = num_bytes_;
    return report;
  }

 private:
  absl::StatusOr<std::int32_t> IndexOf(const std::string& label) const {
    const auto found = index_of_label_.find(label);
    if (found != index_of_label_.end()) return found->second;
    return absl::InvalidArgumentError(
        absl::StrCat("label '", label, "' is not one of the model's ", labels_.size()));
  }

  // " NODE:CLASS" for each label that is given.
  absl::StatusOr<std::string> TruthsOf(const LabelledDocument& line) const {
    if (level_ == NodeKind::kDocument) {
      if (line.label.empty()) return absl::InvalidArgumentError("has no \"label\"");
      const auto truth = IndexOf(line.label);
      if (!truth.ok()) return truth.status();
      return absl::StrCat(" 0:", *truth);
    }
    const auto structure = InspectDocument(line.document);
    if (!structure.ok()) return structure.status();
    std::string truths;
    std::size_t place = 0;
    for (std::size_t n = 0; n < structure->nodes.size(); ++n) {
      if (structure->nodes[n].kind != level_) continue;
      const std::size_t k = place++;
      if (k >= line.labels.size() || line.labels[k].empty()) continue;
      const auto truth = IndexOf(line.labels[k]);
      if (!truth.ok()) return truth.status();
      absl::StrAppend(&truths, " ", n, ":", *truth);
    }
    if (place != line.labels.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"labels\" has ", line.labels.size(), " entries, the document ", place, " ",
                       NodeKindName(level_), "s; this model needs one for each, in order"));
    }
    return truths;
  }

  void Add(std::int64_t line, std::int32_t truth, const std::vector<LabelScore>& labels) {
    if (!error_.ok()) return;
    const auto predicted =
        labels.empty() ? index_of_label_.end() : index_of_label_.find(labels[0].label);
    if (predicted == index_of_label_.end()) {
      // The model changed under the run (a service may reload it): its score would be of neither.
      error_ = labels.empty() ? absl::InternalError("an answer holds no label")
                              : absl::FailedPreconditionError(
                                    absl::StrCat("the answer '", labels[0].label,
                                                 "' is no label that the model had at the start"));
      return;
    }
    models::ClassificationOutcome outcome;
    outcome.truth = truth;
    outcome.predicted = predicted->second;
    outcome.document = line;
    for (const LabelScore& label : labels) {
      if (label.label != labels_[static_cast<std::size_t>(truth)]) continue;
      outcome.log_loss = -std::log(std::max(label.probability, std::numeric_limits<float>::min()));
    }
    outcomes_.push_back(outcome);
  }

  const std::vector<std::string> labels_;
  const NodeKind level_;
  std::map<std::string, std::int32_t> index_of_label_;
  std::unique_ptr<LabelledReader> reader_;
  const std::string path_;
  // Of the source's thread.
  std::int64_t num_bytes_ = 0;
  absl::Status source_error_;
  // Of the callback's thread.
  std::vector<models::ClassificationOutcome> outcomes_;
  std::string model_;
  absl::Status error_;
};

absl::StatusOr<ModelDescription> Classifier(const Client& client, const std::string& model) {
  const auto models = client.ListModels();
  if (!models.ok()) return models.status();
  for (const ModelDescription& description : *models) {
    if (!model.empty() && description.name != model) continue;
    if (description.labels.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("model '", description.name, "' has no labels: it is no classifier"));
    }
    return description;
  }
  return absl::NotFoundError(absl::StrCat("no model is named '", model, "'"));
}

}  // namespace

absl::StatusOr<EvalReport> Evaluate(const Client& client, const std::string& path,
                                    const EvalOptions& options) {
  const auto classifier = Classifier(client, options.many.classify.model);
  if (!classifier.ok()) return classifier.status();
  auto reader = OpenLabelledDocuments(path);
  if (!reader.ok()) return reader.status();

  const absl::Time start = absl::Now();
  Evaluation evaluation(*classifier, *std::move(reader), path);
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
