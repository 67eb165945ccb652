#include "models/train/train_run.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/train/output_folder.h"
#include "models/train/training_set.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

// Below these a run ends without error and its model is of little use: the caller is told.
constexpr int64_t kFewSteps = 150;
constexpr int64_t kFewHeldOutPerLabel = 3;

}  // namespace

std::mt19937_64 RandomFor(uint64_t seed, TrainPurpose purpose, uint64_t index) {
  std::seed_seq sequence{seed & 0xffffffffu, seed >> 32, static_cast<uint64_t>(purpose),
                         index & 0xffffffffu, index >> 32};
  return std::mt19937_64(sequence);
}

absl::Status TrainRun::OpenFolder() {
  absl::Status status = CheckOutputFolder(options_.output_folder, options_.resume);
  if (!status.ok()) return status;
  auto settings = SettingsOf(options_);
  if (!settings.ok()) return settings.status();
  settings_ = *std::move(settings);
  if (!HasRunState(options_.output_folder)) return absl::OkStatus();
  auto state = LoadRunState(options_.output_folder, settings_);
  if (!state.ok()) return state.status();
  state_ = *std::move(state);
  return absl::OkStatus();
}

absl::Status TrainRun::Begin() {
  if (state_.has_value()) return absl::OkStatus();
  absl::Status status = MakeOutputFolder(options_.output_folder, made_folder_);
  if (!status.ok()) return status;
  begun_here_ = true;
  return SaveRunState(options_.output_folder, settings_, {});
}

absl::StatusOr<TrainReport> TrainRun::End(const absl::Status& status) {
  if (!status.ok()) {
    // A run that was stopped can go on; one that failed at once must not stand in the way.
    if (begun_here_ && report_.epochs.empty() && !absl::IsCancelled(status)) {
      RemoveOutput(options_.output_folder, made_folder_);
    }
    return status;
  }
  RemoveRunState(options_.output_folder);
  report_.seconds = absl::ToDoubleSeconds(absl::Now() - begin_);
  return report_;
}

void TrainRun::Report(const char* stage) {
  if (callbacks_.progress) {
    callbacks_.progress({.stage = stage, .epochs = options_.recipe.epochs});
  }
}

void TrainRun::Warn(const std::string& warning) {
  if (callbacks_.progress) {
    callbacks_.progress({.stage = "warning", .warning = warning, .epochs = options_.recipe.epochs});
  }
}

void TrainRun::WarnOfLittle(const Trainee& trainee) {
  const char* const things = IsMedia(options_.task) ? "files" : "documents";
  const int64_t steps = StepsPerEpoch(trainee) * options_.recipe.epochs;
  if (steps < kFewSteps) {
    const int64_t few = std::min<int64_t>(4, options_.recipe.batch_documents);
    const int64_t per_epoch = (trainee.num_items() + few - 1) / few;
    Warn(absl::StrCat("only ", steps, " steps with ", trainee.num_items(), " ", things,
                      ", too few to learn much; for example batch_documents ", few, " with epochs ",
                      (2 * kFewSteps + per_epoch - 1) / per_epoch, " learns more"));
  }
  const int64_t held_out = trainee.num_held_out();
  const auto num_labels = static_cast<int64_t>(trainee.labels().size());
  if (held_out < kFewHeldOutPerLabel * num_labels) {
    Warn(absl::StrCat("only ", held_out, " held-out document", held_out == 1 ? "" : "s", " for ",
                      num_labels, " labels: their score says little; hold out more of them"));
  }
}

std::string TrainRun::InFolder(const char* name) const {
  return (std::filesystem::path(options_.output_folder) / name).string();
}

int64_t TrainRun::StepsPerEpoch(const Trainee& trainee) const {
  const int64_t batch = options_.recipe.batch_documents;
  return (trainee.num_items() + batch - 1) / batch;
}

// Weights, moments and reports of the run that goes on.
absl::Status TrainRun::Restore(Trainee& trainee) {
  const RunState& state = *state_;
  absl::Status status = LoadWeights(
      trainee.Table(), state.tensors,
      [](const std::string& key) { return key.starts_with("optimizer."); }, options_.output_folder);
  if (status.ok()) status = optimizer_->Load(state.tensors, state.step);
  if (!status.ok()) return status;
  first_epoch_ = state.epoch + 1;
  step_ = state.step;
  report_.epochs = state.reports;
  report_.best_epoch = state.best_epoch;
  for (const EpochReport& epoch : report_.epochs) {
    if (epoch.epoch != report_.best_epoch) continue;
    best_ = epoch;
    report_.best.num_documents = report_.num_held_out_documents;
    report_.best.accuracy = epoch.held_out_accuracy;
    report_.best.macro_f1 = epoch.held_out_macro_f1;
    report_.best.mean_log_loss = epoch.held_out_log_loss;
  }
  return absl::OkStatus();
}

// Among equal accuracies, which small held-out sets give often, the surer one.
bool TrainRun::IsBetter(const EpochReport& report) const {
  if (report_.best_epoch == 0) return true;
  if (report.held_out_accuracy != best_.held_out_accuracy) {
    return report.held_out_accuracy > best_.held_out_accuracy;
  }
  return report.held_out_log_loss < best_.held_out_log_loss;
}

absl::Status TrainRun::RunEpochs(Trainee& trainee) {
  const TrainRecipe& recipe = options_.recipe;
  report_.num_train_documents = trainee.num_items();
  report_.num_held_out_documents = trainee.num_held_out();
  for (const auto& [tensor, decays] : trainee.Parameters())
    report_.num_parameters += tensor.numel();
  optimizer_ = std::make_unique<Optimizer>(trainee.Parameters(), recipe,
                                           StepsPerEpoch(trainee) * recipe.epochs);
  if (resumes()) {
    if (absl::Status status = Restore(trainee); !status.ok()) return status;
  }
  state_.reset();
  for (int32_t epoch = first_epoch_; epoch <= recipe.epochs; ++epoch) {
    const int32_t without_gain = epoch - 1 - report_.best_epoch;
    if (recipe.patience > 0 && report_.best_epoch > 0 && without_gain >= recipe.patience) {
      report_.stopped_early = true;
      break;
    }
    const absl::Time epoch_begin = absl::Now();
    auto train_loss = TrainEpoch(trainee, epoch);
    if (!train_loss.ok()) return train_loss.status();
    Report("scoring");
    auto outcomes = trainee.Score();
    if (!outcomes.ok()) return outcomes.status();
    const ClassificationMetrics metrics = ComputeClassificationMetrics(trainee.labels(), *outcomes);
    EpochReport report;
    report.epoch = epoch;
    report.train_loss = *train_loss;
    report.held_out_accuracy = metrics.accuracy;
    report.held_out_macro_f1 = metrics.macro_f1;
    report.held_out_log_loss = metrics.mean_log_loss;
    report.seconds = absl::ToDoubleSeconds(absl::Now() - epoch_begin);
    report.is_best = IsBetter(report);
    if (report.is_best) {
      best_ = report;
      report_.best_epoch = epoch;
      report_.best = metrics;
      report_.best_intervals = BootstrapIntervals(trainee.labels().size(), *outcomes);
      if (absl::Status status = trainee.WriteModel(); !status.ok()) return status;
    }
    report_.epochs.push_back(report);
    if (absl::Status status = WriteLog(); !status.ok()) return status;
    RunState state{epoch, step_, report_.best_epoch, report_.epochs,
                   SaveWeights(trainee.Table(), TensorType::kFloat32)};
    optimizer_->Save(state.tensors);
    if (absl::Status status = SaveRunState(options_.output_folder, settings_, state);
        !status.ok()) {
      return status;
    }
    if (callbacks_.epoch_done) callbacks_.epoch_done(report);
  }
  return absl::OkStatus();
}

absl::StatusOr<double> TrainRun::TrainEpoch(Trainee& trainee, int32_t epoch) {
  const TrainRecipe& recipe = options_.recipe;
  std::vector<size_t> order(static_cast<size_t>(trainee.num_items()));
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937_64 shuffle =
      RandomFor(recipe.seed, TrainPurpose::kShuffle, static_cast<uint64_t>(epoch));
  Shuffle(order, shuffle);
  const absl::Time begin = absl::Now();
  double loss_sum = 0;
  int64_t steps = 0;
  const auto batch = static_cast<size_t>(recipe.batch_documents);
  for (size_t first = 0; first < order.size(); first += batch) {
    if (callbacks_.cancelled && callbacks_.cancelled()) {
      return absl::CancelledError("training was stopped; resume goes on from the last epoch");
    }
    std::mt19937_64 random =
        RandomFor(recipe.seed, TrainPurpose::kStep, static_cast<uint64_t>(step_));
    at::manual_seed(random());
    auto loss = trainee.Loss(absl::MakeConstSpan(order).subspan(first, batch), random);
    if (!loss.ok()) return loss.status();
    optimizer_->ZeroGradients();
    loss->backward();
    optimizer_->Step(step_++);
    const double value = loss->item<double>();
    if (!std::isfinite(value)) {
      return absl::InternalError(
          absl::StrCat("the loss is not finite at step ", step_, "; lower learning_rate"));
    }
    loss_sum += value;
    ++steps;
    if (callbacks_.progress) {
      const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
      const int64_t total = StepsPerEpoch(trainee) * recipe.epochs;
      const size_t seen = std::min(order.size(), first + batch);
      callbacks_.progress({.stage = "training",
                           .epoch = epoch,
                           .epochs = recipe.epochs,
                           .step = step_,
                           .steps = total,
                           .loss = loss_sum / static_cast<double>(steps),
                           .documents_per_second = static_cast<double>(seen) / seconds,
                           .seconds_left = seconds / static_cast<double>(steps) *
                                           static_cast<double>(total - step_)});
    }
  }
  return loss_sum / static_cast<double>(steps);
}

absl::Status TrainRun::WriteLog() {
  // Anew each time, so that a resumed run's log has each epoch once.
  std::string log;
  for (const EpochReport& epoch : report_.epochs) {
    nlohmann::ordered_json line;
    line["epoch"] = epoch.epoch;
    line["train_loss"] = epoch.train_loss;
    line["held_out_accuracy"] = epoch.held_out_accuracy;
    line["held_out_macro_f1"] = epoch.held_out_macro_f1;
    line["held_out_log_loss"] = epoch.held_out_log_loss;
    line["seconds"] = epoch.seconds;
    line["is_best"] = epoch.is_best;
    log += line.dump() + "\n";
  }
  return WriteTextFile(InFolder("training.jsonl"), log);
}

}  // namespace strata::models
