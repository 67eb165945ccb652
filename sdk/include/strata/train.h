// Trains a classifier of documents, or of their sections or sentences, from labelled JSON Lines,
// from scratch, on this machine's processor. Link strata::engine.
#ifndef STRATA_TRAIN_H_
#define STRATA_TRAIN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "strata/eval.h"
#include "strata/export.h"

namespace strata {

// What gets a label.
enum class TrainTask : std::uint8_t {
  kDocuments,  // field "label"
  kSections,   // field "labels", one for each section
  kSentences,  // field "labels", one for each sentence
};

// The encoder that is built. Defaults are what the shipped classifier was made with.
struct TrainArchitecture {
  std::int32_t vocab_size = 12000;
  std::int32_t d_model = 128;
  std::int32_t d_kv = 32;
  std::int32_t d_ff = 256;
  std::int32_t num_layers = 1;
  std::int32_t num_heads = 2;
  std::string feed_forward_proj = "relu";
};

struct TrainRecipe {
  std::int32_t epochs = 10;
  std::int32_t batch_documents = 16;
  double learning_rate = 3e-3;
  double warmup_share = 0.05;  // of all steps; then linear to 0
  double weight_decay = 0.01;  // matrices only
  double beta1 = 0.9, beta2 = 0.98;
  double max_gradient_norm = 1.0;
  double label_smoothing = 0.1;
  // Weight of each sentence's own prediction; of sections and sentences: of what an anchor says
  // without its neighbours' labels.
  double sentence_loss = 0.3;
  // 0: every label counts alike; 1: every class does, however rare; between: in between.
  double class_balance = 0;
  double dropout = 0.1;  // in the encoder
  double head_dropout = 0.2;
  double sentence_share = 0.3;  // kDocuments: sentences of a document that an epoch sees
  double token_dropout = 0.1;   // tokens removed from a sentence
  double embedding_std = 0.1;
  std::int32_t patience = 0;  // epochs without a better held-out score before stopping; 0 = never
  std::uint64_t seed = 1;
};

struct TrainOptions {
  TrainTask task = TrainTask::kDocuments;
  std::string train_path;  // JSON Lines, plain or gzip: sections (or text) and label or labels
  std::string
      held_out_path;  // scored each epoch, never trained on; empty: `held_out_share` is taken
  double held_out_share = 0.1;
  std::string output_folder;  // the model folder; made if absent, else it must be empty
  // A tokenizer's file or a folder with one; empty: a SentencePiece model is trained.
  std::string tokenizer_path;
  bool resume = false;               // go on from the folder's last finished epoch
  std::int32_t compute_threads = 0;  // 0 = as many as this process uses anyway
  TrainArchitecture architecture;
  TrainRecipe recipe;
};

struct TrainProgress {
  std::string stage;  // "reading", "tokenizer", "training", "scoring"
  // What one should know before waiting for the run (few documents, a small vocabulary), each told
  // once; else empty.
  std::string warning;
  std::int32_t epoch = 0, epochs = 0;  // from 1
  std::int64_t step = 0, steps = 0;    // over the whole run
  double loss = 0;                     // running mean of this epoch
  double documents_per_second = 0;
  double seconds_left = 0;
};

struct EpochReport {
  std::int32_t epoch = 0;
  double train_loss = 0;
  double held_out_accuracy = 0, held_out_macro_f1 = 0, held_out_log_loss = 0;
  double seconds = 0;
  bool is_best = false;  // a higher accuracy than before, or the same with a lower log loss
};

struct TrainReport {
  std::vector<EpochReport> epochs;  // earlier ones of a resumed run included
  std::int32_t best_epoch = 0;
  ClassificationScore best;  // on the held-out documents
  std::int64_t num_train_documents = 0, num_held_out_documents = 0;
  std::int64_t num_parameters = 0;
  double seconds = 0;  // of this call
  bool stopped_early = false;
};

// The best epoch's weights stand in `output_folder` as a model folder, beside training.jsonl (one
// line an epoch). Callbacks run on the calling thread and may be null; `cancelled` is asked each
// step. INVALID_ARGUMENT: a line without a label, or with another number of labels than of nodes;
// fewer than two labels; an option out of range (named). FAILED_PRECONDITION: the folder holds a
// finished model or files of another kind, or a run and resume is off, or a run that was begun with
// other options or data (says which). A run that fails before its first epoch is done leaves
// nothing behind.
STRATA_API absl::StatusOr<TrainReport> TrainClassifier(
    const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
    const std::function<void(const EpochReport&)>& epoch_done,
    const std::function<bool()>& cancelled);

}  // namespace strata

#endif  // STRATA_TRAIN_H_
