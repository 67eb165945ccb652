#include "models/train/train.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/engine/engine.h"
#include "models/tokenizer/tokenizer_file.h"
#include "models/train/document_trainee.h"
#include "models/train/file_trainee.h"
#include "models/train/train_run.h"

namespace strata::models {
namespace {

constexpr int32_t kMaxThreads = 1024;

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
  if (!(recipe.augment >= 0 && recipe.augment <= 3)) return refuse("augment", "in [0, 3]");
  if (!(recipe.mixup >= 0 && recipe.mixup <= 1)) return refuse("mixup", "in [0, 1]");
  if (IsMedia(options.task) && !options.tokenizer_path.empty())
    return refuse("tokenizer_path", "absent: images and sounds have no tokens");
  if (options.architecture.vocab_size < 300) return refuse("vocab_size", "at least 300");
  return absl::OkStatus();
}

absl::Status TrainDocuments(const TrainOptions& options, TrainRun& run) {
  DocumentTrainee trainee(options, run);
  absl::Status status = trainee.ReadData();
  if (status.ok()) status = run.Begin();
  if (status.ok()) status = trainee.Prepare();
  return status.ok() ? run.RunEpochs(trainee) : status;
}

absl::Status TrainFiles(const TrainOptions& options, TrainRun& run) {
  const std::unique_ptr<FileTrainee> trainee = options.task == TrainTask::kImages
                                                   ? MakeImageTrainee(options, run)
                                                   : MakeSoundTrainee(options, run);
  absl::Status status = trainee->Prepare();
  if (status.ok()) status = run.Begin();
  return status.ok() ? run.RunEpochs(*trainee) : status;
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
    const TrainCallbacks callbacks{progress, epoch_done, cancelled};
    TrainRun run(resolved, callbacks);
    absl::Status status = run.OpenFolder();
    if (status.ok()) {
      status = IsMedia(resolved.task) ? TrainFiles(resolved, run) : TrainDocuments(resolved, run);
    }
    return run.End(status);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("training failed: ", error.what()));
  }
}

}  // namespace strata::models
