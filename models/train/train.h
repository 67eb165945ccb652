// Trains a classifier from scratch on this machine's processor: of documents or their sections or
// sentences (an HDT encoder with a head, from labelled JSON Lines), of images (MaxViT or Swin) or
// of sounds (HTS-AT), from labelled files. No torch type here.
//
// The recipe for documents: each epoch reads a random part of every document's sentences (cheaper,
// and it cannot be learnt by heart), every sentence also predicts its document's label by itself
// (which makes the evidence of single sentences mean something), AdamW with warm-up and linear
// decay.
#ifndef STRATA_MODELS_TRAIN_TRAIN_H_
#define STRATA_MODELS_TRAIN_TRAIN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/eval/metrics.h"

namespace strata::models {

// What gets a label.
enum class TrainTask : uint8_t {
  kDocuments,  // field "label"
  kSections,   // field "labels", one for each section
  kSentences,  // field "labels", one for each sentence
  kImages,     // files named by a CSV file
  kSounds,
};

inline bool IsMedia(TrainTask task) {
  return task == TrainTask::kImages || task == TrainTask::kSounds;
}

// The encoder of documents that is built. Defaults are what the shipped classifier was made with.
struct TrainArchitecture {
  int32_t vocab_size = 12000;
  int32_t d_model = 128;
  int32_t d_kv = 32;
  int32_t d_ff = 256;
  int32_t num_layers = 1;
  int32_t num_heads = 2;
  std::string feed_forward_proj = "relu";
};

// The network for images or sounds. In all of them a stage works on half the side of the one before
// it, with twice the channels.
struct TrainMediaArchitecture {
  std::string network = "maxvit";  // of images: maxvit or swin. Sounds have HTS-AT
  int32_t size = 64;  // pixels of an image's side; of a spectrogram's, folded to a square
  int32_t patch = 4;  // pixels from patch to patch (Swin, HTS-AT; MaxViT halves twice instead)
  int32_t patch_overlap = 0;  // of sounds: pixels that a patch shares with its neighbours
  int32_t window = 4;         // tokens of a window's side; of MaxViT's grids, too
  int32_t dim = 32;           // channels of the first stage
  std::vector<int32_t> depths = {1, 2, 1};  // blocks of each stage
  std::vector<int32_t> heads = {2, 4, 8};   // attention heads of each stage
  // Of sounds. A window of time is size · (size / mel_bins) hops.
  int32_t sample_rate = 16000;  // Hz
  int32_t fft_size = 512;       // samples
  int32_t hop = 160;            // samples
  int32_t mel_bins = 32;
};

struct TrainRecipe {
  int32_t epochs = 10;
  int32_t batch_documents = 16;
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
  bool mirror = false;   // images: also left for right
  double mixup = 0.3;    // images, sounds: share of the steps that see two at once
  int32_t patience = 0;  // epochs without a better score before stopping; 0 = never
  uint64_t seed = 1;
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
  // A tokenizer.json, vocab.txt or SentencePiece .model, or a folder with one; empty: a
  // SentencePiece unigram model is trained on the documents.
  std::string tokenizer_path;
  // Go on from the folder's last finished epoch, to the same result as without the break. Without
  // it a folder that holds an unfinished run is refused.
  bool resume = false;
  int32_t compute_threads = 0;  // 0 = as many as this process uses anyway
  TrainArchitecture architecture;
  TrainMediaArchitecture media;
  TrainRecipe recipe;
};

struct TrainProgress {
  std::string stage;  // "reading", "tokenizer", "training", "scoring"
  // What the caller should know before it waits for the run (few documents, a small vocabulary),
  // each told once; else empty.
  std::string warning;
  int32_t epoch = 0, epochs = 0;  // from 1
  int64_t step = 0, steps = 0;    // over the whole run
  double loss = 0;                // running mean of this epoch
  double documents_per_second = 0;
  double seconds_left = 0;
};

struct EpochReport {
  int32_t epoch = 0;
  double train_loss = 0;
  double held_out_accuracy = 0, held_out_macro_f1 = 0, held_out_log_loss = 0;
  double seconds = 0;
  bool is_best = false;  // a higher accuracy than before, or the same with a lower log loss
};

struct TrainReport {
  std::vector<EpochReport> epochs;  // earlier ones of a resumed run included
  int32_t best_epoch = 0;
  ClassificationMetrics best;              // on the held-out documents
  ClassificationIntervals best_intervals;  // zeros if the best epoch was before a resumption
  int64_t num_train_documents = 0, num_held_out_documents = 0;
  int64_t num_parameters = 0;
  double seconds = 0;  // of this call
  bool stopped_early = false;
};

// The best epoch's weights stand in `output_folder` as a model folder that Engine::Load takes
// (config.json, model.safetensors in bfloat16, of documents spiece.model), beside training.jsonl
// (one line an epoch). Callbacks run on the calling thread and may be null; `cancelled` is asked
// each step. INVALID_ARGUMENT: a line without a label, or with another number of labels than of
// nodes; fewer than two labels; a file that is no image or sound (named); an option out of range
// (named). FAILED_PRECONDITION: the folder holds a finished model or files of another kind, or a
// run and resume is off, or a run that was begun with other options or data (says which). A run
// that fails before its first epoch is done leaves nothing behind.
absl::StatusOr<TrainReport> TrainClassifier(
    const TrainOptions& options, const std::function<void(const TrainProgress&)>& progress,
    const std::function<void(const EpochReport&)>& epoch_done,
    const std::function<bool()>& cancelled);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_TRAIN_H_
