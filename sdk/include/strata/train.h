// Trains a classifier of documents or their sections or sentences, of images or of sounds, from
// scratch, on this machine's processor. Link strata::engine.
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
  kImages,     // files named by a CSV file
  kSounds,
};

// The encoder of documents that is built. Defaults are what the shipped classifier was made with.
struct TrainArchitecture {
  std::int32_t vocab_size = 12000;
  std::int32_t d_model = 128;
  std::int32_t d_kv = 32;
  std::int32_t d_ff = 256;
  std::int32_t num_layers = 1;
  std::int32_t num_heads = 2;
  std::string feed_forward_proj = "relu";
};

// The network for images or sounds. In all of them a stage works on half the side of the one before
// it, with twice the channels.
struct TrainMediaArchitecture {
  std::string network = "maxvit";  // of images: maxvit or swin. Sounds have HTS-AT
  std::int32_t size = 64;  // pixels of an image's side; of a spectrogram's, folded to a square
  std::int32_t patch = 4;  // pixels from patch to patch (Swin, HTS-AT; MaxViT halves twice instead)
  std::int32_t patch_overlap = 0;  // of sounds: pixels that a patch shares with its neighbours
  std::int32_t window = 4;         // tokens of a window's side; of MaxViT's grids, too
  std::int32_t dim = 32;           // channels of the first stage
  std::vector<std::int32_t> depths = {1, 2, 1};  // blocks of each stage
  std::vector<std::int32_t> heads = {2, 4, 8};   // attention heads of each stage
  // Of sounds. A window of time is size · (size / mel_bins) hops.
  std::int32_t sample_rate = 16000;  // Hz
  std::int32_t fft_size = 512;       // samples
  std::int32_t hop = 160;            // samples
  std::int32_t mel_bins = 32;
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
  // Of images and sounds: how much each step changes what it sees (turned, scaled, shifted,
  // lighter, covered; cut, faster, louder, masked); 0 = nothing, 1 = usual.
  double augment = 1.0;
  bool mirror = false;        // images: also left for right
  double mixup = 0.3;         // images, sounds: share of the steps that see two at once
  std::int32_t patience = 0;  // epochs without a better held-out score before stopping; 0 = never
  std::uint64_t seed = 1;
};

struct TrainOptions {
  TrainTask task = TrainTask::kDocuments;
  // JSON Lines, plain or gzip: sections (or text) and label or labels. kImages, kSounds: CSV with
  // the columns path (from the CSV file's folder on) and label.
  std::string train_path;
  std::string
      held_out_path;  // scored each epoch, never trained on; empty: `held_out_share` is taken
  double held_out_share = 0.1;
  std::string output_folder;  // the model folder; made if absent, else it must be empty
  // A tokenizer's file or a folder with one; empty: a SentencePiece model is trained.
  std::string tokenizer_path;
  bool resume = false;               // go on from the folder's last finished epoch
  std::int32_t compute_threads = 0;  // 0 = as many as this process uses anyway
  TrainArchitecture architecture;
  TrainMediaArchitecture media;
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
// fewer than two labels; a file that is no image or sound (named); an option out of range (named).
// FAILED_PRECONDITION: the folder holds a finished model or files of another kind, or a run and
// resume is off, or a run that was begun with other options or data (says which). A run that fails
// before its first epoch is done leaves nothing behind.
STRATA_API absl::StatusOr<TrainReport> TrainClassifier(
    const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
    const std::function<void(const EpochReport&)>& epoch_done,
    const std::function<bool()>& cancelled);

}  // namespace strata

#endif  // STRATA_TRAIN_H_
