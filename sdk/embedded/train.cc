#include "strata/train.h"

#include <utility>

#include "models/train/train.h"
#include "sdk/embedded/score.h"

namespace strata {
namespace {

models::TrainTask ToModels(TrainTask task) {
  switch (task) {
    case TrainTask::kDocuments:
      return models::TrainTask::kDocuments;
    case TrainTask::kSections:
      return models::TrainTask::kSections;
    case TrainTask::kSentences:
      return models::TrainTask::kSentences;
    case TrainTask::kImages:
      return models::TrainTask::kImages;
    case TrainTask::kSounds:
      return models::TrainTask::kSounds;
  }
  return models::TrainTask::kDocuments;
}

models::TrainOptions ToModels(const TrainOptions& options) {
  models::TrainOptions converted;
  converted.task = ToModels(options.task);
  const TrainMediaArchitecture& m = options.media;
  converted.media = {m.network, m.size,  m.patch,       m.patch_overlap, m.window, m.dim,
                     m.depths,  m.heads, m.sample_rate, m.fft_size,      m.hop,    m.mel_bins};
  converted.train_path = options.train_path;
  converted.held_out_path = options.held_out_path;
  converted.held_out_share = options.held_out_share;
  converted.output_folder = options.output_folder;
  converted.tokenizer_path = options.tokenizer_path;
  converted.resume = options.resume;
  converted.compute_threads = options.compute_threads;
  const TrainArchitecture& a = options.architecture;
  converted.architecture = {a.vocab_size, a.d_model,          a.d_kv, a.d_ff, a.num_layers,
                            a.num_heads,  a.feed_forward_proj};
  const TrainRecipe& from = options.recipe;
  models::TrainRecipe& to = converted.recipe;
  to.epochs = from.epochs;
  to.batch_documents = from.batch_documents;
  to.learning_rate = from.learning_rate;
  to.warmup_share = from.warmup_share;
  to.weight_decay = from.weight_decay;
  to.beta1 = from.beta1;
  to.beta2 = from.beta2;
  to.max_gradient_norm = from.max_gradient_norm;
  to.label_smoothing = from.label_smoothing;
  to.sentence_loss = from.sentence_loss;
  to.class_balance = from.class_balance;
  to.dropout = from.dropout;
  to.head_dropout = from.head_dropout;
  to.sentence_share = from.sentence_share;
  to.token_dropout = from.token_dropout;
  to.embedding_std = from.embedding_std;
  to.augment = from.augment;
  to.mirror = from.mirror;
  to.mixup = from.mixup;
  to.patience = from.patience;
  to.seed = from.seed;
  return converted;
}

EpochReport FromModels(const models::EpochReport& epoch) {
  return {epoch.epoch,
          epoch.train_loss,
          epoch.held_out_accuracy,
          epoch.held_out_macro_f1,
          epoch.held_out_log_loss,
          epoch.seconds,
          epoch.is_best};
}

}  // namespace

absl::StatusOr<TrainReport> TrainClassifier(
    const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
    const std::function<void(const EpochReport&)>& epoch_done,
    const std::function<bool()>& cancelled) {
  std::function<void(const models::TrainProgress&)> on_progress;
  if (progress) {
    on_progress = [&](const models::TrainProgress& p) {
      progress({p.stage, p.warning, p.epoch, p.epochs, p.step, p.steps, p.loss,
                p.documents_per_second, p.seconds_left});
    };
  }
  std::function<void(const models::EpochReport&)> on_epoch;
  if (epoch_done)
    on_epoch = [&](const models::EpochReport& epoch) { epoch_done(FromModels(epoch)); };
  const auto report = models::TrainClassifier(ToModels(options), on_progress, on_epoch, cancelled);
  if (!report.ok()) return report.status();
  TrainReport converted;
  for (const models::EpochReport& epoch : report->epochs) {
    converted.epochs.push_back(FromModels(epoch));
  }
  converted.best_epoch = report->best_epoch;
  converted.best = internal::FromModels(report->best, report->best_intervals);
  converted.num_train_documents = report->num_train_documents;
  converted.num_held_out_documents = report->num_held_out_documents;
  converted.num_parameters = report->num_parameters;
  converted.seconds = report->seconds;
  converted.stopped_early = report->stopped_early;
  return converted;
}

}  // namespace strata
