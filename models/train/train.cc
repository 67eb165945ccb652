#include "models/train/train.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <optional>
#include <random>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "models/batch/packed_batch.h"
#include "models/checkpoint/safetensors.h"
#include "models/engine/engine.h"
#include "models/layers/tensor_bridge.h"
#include "models/tokenizer/sentencepiece_trainer.h"
#include "models/tokenizer/tokenizer_file.h"
#include "models/train/objective.h"
#include "models/train/optimizer.h"
#include "models/train/output_folder.h"
#include "models/train/run_state.h"
#include "models/train/trained_model.h"
#include "models/train/training_set.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

constexpr int64_t kScoringBatchTokens = 32768;
constexpr int32_t kMaxThreads = 1024;
// Below these a run ends without error and its model is of little use: the caller is told.
constexpr int64_t kFewSteps = 150;
constexpr size_t kFewHeldOutPerLabel = 3;

using ProgressFn = std::function<void(const TrainProgress&)>;

absl::Status CheckOptions(const TrainOptions& options) {
  const auto refuse = [](const char* name, const std::string& rule) {
    return absl::InvalidArgumentError(absl::StrCat(name, " must be ", rule));
  };
  const TrainRecipe& recipe = options.recipe;
  if (options.train_path.empty()) return refuse("train_path", "given");
  if (options.output_folder.empty()) return refuse("output_folder", "given");
  if (!(options.held_out_share > 0 && options.held_out_share < 1)) {
    return refuse("held_out_share", "above 0 and below 1");
  }
  if (recipe.epochs < 1) return refuse("epochs", "at least 1");
  if (recipe.batch_documents < 1) return refuse("batch_documents", "at least 1");
  if (!(recipe.learning_rate > 0)) return refuse("learning_rate", "above 0");
  if (!(recipe.warmup_share >= 0 && recipe.warmup_share < 1))
    return refuse("warmup_share", "in [0, 1)");
  if (!(recipe.dropout >= 0 && recipe.dropout < 1)) return refuse("dropout", "in [0, 1)");
  if (!(recipe.head_dropout >= 0 && recipe.head_dropout < 1))
    return refuse("head_dropout", "in [0, 1)");
  if (!(recipe.token_dropout >= 0 && recipe.token_dropout < 1))
    return refuse("token_dropout", "in [0, 1)");
  if (!(recipe.label_smoothing >= 0 && recipe.label_smoothing < 1))
    return refuse("label_smoothing", "in [0, 1)");
  if (!(recipe.sentence_share > 0 && recipe.sentence_share <= 1))
    return refuse("sentence_share", "in (0, 1]");
  if (!(recipe.sentence_loss >= 0)) return refuse("sentence_loss", "0 or more");
  if (!(recipe.class_balance >= 0 && recipe.class_balance <= 1))
    return refuse("class_balance", "in [0, 1]");
  if (options.compute_threads < 0 || options.compute_threads > kMaxThreads)
    return refuse("compute_threads", absl::StrCat("0 to ", kMaxThreads));
  if (options.task == TrainTask::kSections && options.architecture.num_layers < 2)
    return refuse("num_layers", "at least 2 for sections, which see words by way of sentences");
  if (options.architecture.vocab_size < 300) return refuse("vocab_size", "at least 300");
  return absl::OkStatus();
}

// A generator for one purpose of one step: the same whether or not the run was cut off before.
std::mt19937_64 RandomFor(uint64_t seed, uint64_t purpose, uint64_t index) {
  std::seed_seq sequence{seed & 0xffffffffu, seed >> 32, purpose, index & 0xffffffffu, index >> 32};
  return std::mt19937_64(sequence);
}

enum Purpose : uint64_t { kInitialize, kHoldOut, kShuffle, kStep };

// One training run, stage after stage.
class Trainer {
 public:
  Trainer(const TrainOptions& options, const ProgressFn& progress,
          const std::function<void(const EpochReport&)>& epoch_done,
          const std::function<bool()>& cancelled)
      : options_(options), progress_(progress), epoch_done_(epoch_done), cancelled_(cancelled) {}

  absl::StatusOr<TrainReport> Run() {
    if (absl::Status status = RunStages(); !status.ok()) {
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

 private:
  absl::Status RunStages() {
    absl::Status status = OpenFolder();
    if (status.ok()) status = ReadData();
    if (status.ok()) status = BeginRun();
    if (status.ok()) status = PrepareTokenizer();
    if (status.ok()) status = PrepareModel();
    if (status.ok()) status = RunEpochs();
    return status;
  }
  absl::Status OpenFolder();
  absl::Status ReadData();
  absl::Status BeginRun();
  absl::Status PrepareTokenizer();
  absl::Status PrepareModel();
  absl::Status RunEpochs();
  absl::StatusOr<double> TrainEpoch(int32_t epoch);
  absl::StatusOr<std::vector<ClassificationOutcome>> ScoreHeldOut();
  absl::Status WriteModel();
  absl::Status WriteLog();
  bool IsBetter(const EpochReport& report) const;

  bool Cancelled() const { return cancelled_ && cancelled_(); }
  int64_t StepsPerEpoch() const {
    const auto documents = static_cast<int64_t>(train_.size());
    return (documents + options_.recipe.batch_documents - 1) / options_.recipe.batch_documents;
  }
  std::string InFolder(const char* name) const {
    return (std::filesystem::path(options_.output_folder) / name).string();
  }
  void Report(const char* stage) {
    if (progress_) progress_({.stage = stage, .epochs = options_.recipe.epochs});
  }
  void Warn(const std::string& warning) {
    if (progress_)
      progress_({.stage = "warning", .warning = warning, .epochs = options_.recipe.epochs});
  }
  void WarnOfFewDocuments();
  absl::StatusOr<PackedBatch> PackDocuments(absl::Span<const TrainingDocument> documents);

  const TrainOptions& options_;
  const ProgressFn& progress_;
  const std::function<void(const EpochReport&)>& epoch_done_;
  const std::function<bool()>& cancelled_;
  const absl::Time begin_ = absl::Now();

  std::vector<LabelledTree> train_trees_, held_out_trees_;
  std::vector<std::string> labels_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<TrainingDocument> train_, held_out_;
  HdtAnchorIds anchors_;
  RunSettings settings_;
  std::optional<RunState> state_;  // of the run that goes on
  bool begun_here_ = false;        // by this call
  bool made_folder_ = false;
  at::Tensor class_weights_;
  std::unique_ptr<TrainedModel> model_;
  std::unique_ptr<Optimizer> optimizer_;
  int32_t first_epoch_ = 1;
  int64_t step_ = 0;
  EpochReport best_;
  TrainReport report_;
};

// The state of a run that is to go on, if there is one. Nothing is written yet.
absl::Status Trainer::OpenFolder() {
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

// From here on the folder says that a run is under way, whatever cuts it off.
absl::Status Trainer::BeginRun() {
  if (state_.has_value()) return absl::OkStatus();
  absl::Status status = MakeOutputFolder(options_.output_folder, made_folder_);
  if (!status.ok()) return status;
  begun_here_ = true;
  return SaveRunState(options_.output_folder, settings_, {});
}

absl::Status Trainer::ReadData() {
  Report("reading");
  auto train = ReadLabelledTrees(options_.train_path, options_.task);
  if (!train.ok()) return train.status();
  train_trees_ = *std::move(train);
  labels_ = LabelsOf(train_trees_);
  if (labels_.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(options_.train_path, " has ", labels_.size(),
                                                   " label(s); a classifier needs at least 2"));
  }
  if (!options_.held_out_path.empty()) {
    auto held_out = ReadLabelledTrees(options_.held_out_path, options_.task);
    if (!held_out.ok()) return held_out.status();
    held_out_trees_ = *std::move(held_out);
    if (held_out_trees_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(options_.held_out_path, " holds no document"));
    }
    return absl::OkStatus();
  }
  std::mt19937_64 random = RandomFor(options_.recipe.seed, kHoldOut, 0);
  auto held_out = HoldOut(options_.held_out_share, random, train_trees_);
  if (!held_out.ok()) {
    return absl::Status(held_out.status().code(),
                        absl::StrCat(options_.train_path, ": ", held_out.status().message()));
  }
  held_out_trees_ = *std::move(held_out);
  return absl::OkStatus();
}

absl::Status Trainer::PrepareTokenizer() {
  Report("tokenizer");
  const std::string path = InFolder("spiece.model");
  const bool resumes = state_.has_value() && !state_->tensors.empty();
  if (options_.tokenizer_path.empty() && !resumes) {
    size_t tree = 0, node = 0;
    SentencePieceTrainerOptions trainer;
    trainer.vocab_size = options_.architecture.vocab_size;
    trainer.control_symbols = {"<cls>", "<sec>", "<doc>", "<mask>"};
    const absl::Status status = TrainSentencePiece(
        [&](std::string& sentence) {
          for (; tree < train_trees_.size(); ++tree, node = 0) {
            const DocumentTree& document = train_trees_[tree].tree;
            for (; node < document.nodes().size(); ++node) {
              const Node& leaf = document.nodes()[node];
              if (leaf.kind != NodeKind::kSentence && leaf.kind != NodeKind::kHeading) continue;
              sentence = document.TextOf(leaf);
              ++node;
              return true;
            }
          }
          return false;
        },
        trainer, path);
    if (!status.ok()) return status;
  } else if (!options_.tokenizer_path.empty()) {
    // Beside the weights, under the name that tells its kind.
    std::error_code error;
    const std::filesystem::path source(options_.tokenizer_path);
    const std::filesystem::path extension = source.extension();
    const char* name = extension == ".model"  ? "spiece.model"
                       : extension == ".json" ? "tokenizer.json"
                                              : "vocab.txt";
    std::filesystem::copy_file(source, std::filesystem::path(options_.output_folder) / name,
                               std::filesystem::copy_options::overwrite_existing, error);
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot copy tokenizer ", options_.tokenizer_path, ": ", error.message()));
    }
  }
  auto tokenizer = Tokenizer::Load(options_.output_folder);
  if (!tokenizer.ok()) return tokenizer.status();
  tokenizer_ = *std::move(tokenizer);
  auto anchors = HdtAnchorIds::Find(*tokenizer_);
  if (!anchors.ok()) return anchors.status();
  anchors_ = *anchors;
  auto train = TokenizeTrainingSet(train_trees_, labels_, options_.task, *tokenizer_);
  if (!train.ok()) return train.status();
  train_ = *std::move(train);
  auto held_out = TokenizeTrainingSet(held_out_trees_, labels_, options_.task, *tokenizer_);
  if (!held_out.ok()) return held_out.status();
  held_out_ = *std::move(held_out);
  if (!resumes) WarnOfFewDocuments();
  train_trees_ = {};
  held_out_trees_ = {};
  report_.num_train_documents = static_cast<int64_t>(train_.size());
  report_.num_held_out_documents = static_cast<int64_t>(held_out_.size());
  return absl::OkStatus();
}

void Trainer::WarnOfFewDocuments() {
  const int32_t wanted = options_.architecture.vocab_size;
  if (options_.tokenizer_path.empty() && tokenizer_->vocab_size() < wanted) {
    Warn(absl::StrCat("the documents gave a vocabulary of ", tokenizer_->vocab_size(),
                      " entries, not ", wanted, ": they hold no more different words"));
  }
  const int64_t steps = StepsPerEpoch() * options_.recipe.epochs;
  if (steps < kFewSteps) {
    const int64_t few = std::min<int64_t>(4, options_.recipe.batch_documents);
    const int64_t per_epoch = (static_cast<int64_t>(train_.size()) + few - 1) / few;
    Warn(absl::StrCat("only ", steps, " steps with ", train_.size(),
                      " documents, too few to learn much; for example batch_documents ", few,
                      " with epochs ", (2 * kFewSteps + per_epoch - 1) / per_epoch,
                      " learns more"));
  }
  if (held_out_.size() < kFewHeldOutPerLabel * labels_.size()) {
    Warn(absl::StrCat("only ", held_out_.size(), " held-out document",
                      held_out_.size() == 1 ? "" : "s", " for ", labels_.size(),
                      " labels: their score says little; hold out more of them"));
  }
}

absl::Status Trainer::PrepareModel() {
  at::manual_seed(RandomFor(options_.recipe.seed, kInitialize, 0)());
  auto model = TrainedModel::Initialize(options_, tokenizer_->vocab_size(), labels_);
  if (!model.ok()) return model.status();
  model_ = std::make_unique<TrainedModel>(*std::move(model));
  class_weights_ = ClassWeights(train_, labels_.size(), options_.recipe.class_balance);
  for (const auto& [tensor, decays] : model_->Parameters())
    report_.num_parameters += tensor.numel();
  optimizer_ = std::make_unique<Optimizer>(model_->Parameters(), options_.recipe,
                                           StepsPerEpoch() * options_.recipe.epochs);
  if (!state_.has_value() || state_->tensors.empty()) return absl::OkStatus();
  const RunState& state = *state_;
  absl::Status status = LoadWeights(
      model_->Table(), state.tensors,
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
  state_.reset();
  return absl::OkStatus();
}

// Among equal accuracies, which small held-out sets give often, the surer one.
bool Trainer::IsBetter(const EpochReport& report) const {
  if (report_.best_epoch == 0) return true;
  if (report.held_out_accuracy != best_.held_out_accuracy) {
    return report.held_out_accuracy > best_.held_out_accuracy;
  }
  return report.held_out_log_loss < best_.held_out_log_loss;
}

absl::Status Trainer::RunEpochs() {
  const TrainRecipe& recipe = options_.recipe;
  for (int32_t epoch = first_epoch_; epoch <= recipe.epochs; ++epoch) {
    const int32_t without_gain = epoch - 1 - report_.best_epoch;
    if (recipe.patience > 0 && report_.best_epoch > 0 && without_gain >= recipe.patience) {
      report_.stopped_early = true;
      break;
    }
    const absl::Time epoch_begin = absl::Now();
    auto train_loss = TrainEpoch(epoch);
    if (!train_loss.ok()) return train_loss.status();
    auto outcomes = ScoreHeldOut();
    if (!outcomes.ok()) return outcomes.status();
    const ClassificationMetrics metrics = ComputeClassificationMetrics(labels_, *outcomes);
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
      report_.best_intervals = BootstrapIntervals(labels_.size(), *outcomes);
      if (absl::Status status = WriteModel(); !status.ok()) return status;
    }
    report_.epochs.push_back(report);
    if (absl::Status status = WriteLog(); !status.ok()) return status;
    RunState state{epoch, step_, report_.best_epoch, report_.epochs,
                   SaveWeights(model_->Table(), TensorType::kFloat32)};
    optimizer_->Save(state.tensors);
    if (absl::Status status = SaveRunState(options_.output_folder, settings_, state);
        !status.ok()) {
      return status;
    }
    if (epoch_done_) epoch_done_(report);
  }
  return absl::OkStatus();
}

absl::StatusOr<PackedBatch> Trainer::PackDocuments(absl::Span<const TrainingDocument> documents) {
  std::vector<AnchoredSequence> sequences;
  sequences.reserve(documents.size());
  std::vector<const AnchoredSequence*> pointers;
  for (const TrainingDocument& document : documents) {
    sequences.push_back(AnchorSections(document.sections, anchors_, {}, {}, /*max_tokens=*/0));
  }
  for (const AnchoredSequence& sequence : sequences) pointers.push_back(&sequence);
  return Pack(pointers);
}

absl::StatusOr<double> Trainer::TrainEpoch(int32_t epoch) {
  const TrainRecipe& recipe = options_.recipe;
  std::vector<size_t> order(train_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937_64 shuffle = RandomFor(recipe.seed, kShuffle, static_cast<uint64_t>(epoch));
  Shuffle(order, shuffle);
  const absl::Time begin = absl::Now();
  double loss_sum = 0;
  int64_t steps = 0;
  for (size_t first = 0; first < order.size();
       first += static_cast<size_t>(recipe.batch_documents)) {
    if (Cancelled())
      return absl::CancelledError("training was stopped; resume goes on from the last epoch");
    std::mt19937_64 random = RandomFor(recipe.seed, kStep, static_cast<uint64_t>(step_));
    at::manual_seed(random());
    std::vector<TrainingDocument> documents;
    const size_t last = std::min(order.size(), first + static_cast<size_t>(recipe.batch_documents));
    for (size_t i = first; i < last; ++i) {
      documents.push_back(SampleDocument(train_[order[i]], options_.task, recipe, random));
    }
    auto batch = PackDocuments(documents);
    if (!batch.ok()) return batch.status();
    auto loss = ComputeLoss(*model_, *batch, documents, options_, class_weights_);
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
    if (progress_) {
      const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
      const int64_t total = StepsPerEpoch() * recipe.epochs;
      progress_({.stage = "training",
                 .epoch = epoch,
                 .epochs = recipe.epochs,
                 .step = step_,
                 .steps = total,
                 .loss = loss_sum / static_cast<double>(steps),
                 .documents_per_second = static_cast<double>(last) / seconds,
                 .seconds_left =
                     seconds / static_cast<double>(steps) * static_cast<double>(total - step_)});
    }
  }
  return loss_sum / static_cast<double>(steps);
}

absl::StatusOr<std::vector<ClassificationOutcome>> Trainer::ScoreHeldOut() {
  const at::NoGradGuard no_grad;
  Report("scoring");
  std::vector<ClassificationOutcome> outcomes;
  size_t first = 0;
  int64_t tokens = 0;
  for (size_t i = 0; i < held_out_.size(); ++i) {
    for (const HdtSection& section : held_out_[i].sections) {
      for (const HdtSentence& sentence : section.sentences) {
        tokens += static_cast<int64_t>(sentence.token_ids.size()) + 1;
      }
    }
    if (tokens < kScoringBatchTokens && i + 1 < held_out_.size()) continue;
    const auto documents = absl::MakeConstSpan(held_out_).subspan(first, i + 1 - first);
    auto batch = PackDocuments(documents);
    if (!batch.ok()) return batch.status();
    const absl::Status status =
        Score(*model_, *batch, documents, options_.task, static_cast<int64_t>(first), outcomes);
    if (!status.ok()) return status;
    first = i + 1;
    tokens = 0;
  }
  return outcomes;
}

absl::Status Trainer::WriteModel() {
  const absl::Status status = WriteTextFile(
      InFolder("config.json"), ModelConfigJson(options_, tokenizer_->vocab_size(), labels_));
  if (!status.ok()) return status;
  return WriteSafetensors(InFolder("model.safetensors"),
                          SaveWeights(model_->Table(), TensorType::kBFloat16), {{"format", "pt"}});
}

absl::Status Trainer::WriteLog() {
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

}  // namespace

absl::StatusOr<TrainReport> TrainClassifier(
    const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
    const std::function<void(const EpochReport&)>& epoch_done,
    const std::function<bool()>& cancelled) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  // ATen reports by exceptions; none may pass this line.
  try {
    TrainOptions resolved = options;
    if (!options.tokenizer_path.empty()) {
      auto file = FindTokenizerFile(options.tokenizer_path);
      if (!file.ok()) return file.status();
      resolved.tokenizer_path = *std::move(file);
    }
    if (options.compute_threads > 0) SetComputeThreads(options.compute_threads);
    return Trainer(resolved, progress, epoch_done, cancelled).Run();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("training failed: ", error.what()));
  }
}

}  // namespace strata::models
