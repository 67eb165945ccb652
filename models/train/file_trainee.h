// What the training of images and of sounds has in common: labelled files in two sets, a network
// whose logits are compared with their labels, and the model folder that is written.
#ifndef STRATA_MODELS_TRAIN_FILE_TRAINEE_H_
#define STRATA_MODELS_TRAIN_FILE_TRAINEE_H_

#include <memory>
#include <string>
#include <vector>

#include "models/eval/labelled_files.h"
#include "models/train/train_run.h"
#include "models/train/training_set.h"

namespace strata::models {

class FileTrainee : public Trainee {
 public:
  int64_t num_items() const override { return static_cast<int64_t>(train_labels_.size()); }
  int64_t num_held_out() const override { return static_cast<int64_t>(held_out_labels_.size()); }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::vector<std::pair<at::Tensor, bool>> Parameters() override;
  absl::StatusOr<at::Tensor> Loss(absl::Span<const size_t> items, std::mt19937_64& random) override;
  absl::StatusOr<std::vector<ClassificationOutcome>> Score() override;
  absl::Status WriteModel() override;

  // Reads both sets through Read(), then builds the network. INVALID_ARGUMENT: as TrainClassifier.
  absl::Status Prepare();

 protected:
  FileTrainee(const TrainOptions& options, TrainRun& run) : options_(options), run_(run) {}

  struct Batch {
    at::Tensor logits;   // [B, K]
    at::Tensor targets;  // [B, K] probabilities
  };
  // Options that no file is needed for to be refused. INVALID_ARGUMENT.
  virtual absl::Status Check() = 0;
  // Takes one decoded file into the training set or the held-out set, in order.
  virtual absl::Status Read(const std::string& bytes, const std::string& name, bool held_out) = 0;
  // Once all files are there: the network with fresh weights.
  virtual absl::Status Build() = 0;
  // Logits of training items as a step sees them, with the targets that belong to them.
  virtual absl::StatusOr<Batch> Forward(absl::Span<const size_t> items, const at::Tensor& targets,
                                        std::mt19937_64& random) = 0;
  // Log probabilities [end − begin, K] of held-out items, as the engine that serves would see them.
  virtual absl::StatusOr<at::Tensor> LogProbabilities(size_t begin, size_t end) = 0;
  // The files of the model folder beside the weights: name and content.
  virtual std::vector<std::pair<const char*, std::string>> FolderFiles() = 0;

  const TrainOptions& options_;
  TrainRun& run_;
  std::vector<std::string> labels_;

 private:
  absl::Status ReadSet(const std::vector<LabelledFile>& files, bool held_out,
                       std::vector<int32_t>& classes);

  std::vector<int32_t> train_labels_, held_out_labels_;
};

// MaxViT or Swin on images (models/train/image_trainee.cc), HTS-AT on sounds (sound_trainee.cc).
// Borrow both.
std::unique_ptr<FileTrainee> MakeImageTrainee(const TrainOptions& options, TrainRun& run);
std::unique_ptr<FileTrainee> MakeSoundTrainee(const TrainOptions& options, TrainRun& run);

inline double Uniform(std::mt19937_64& random, double low, double high) {
  return low + (high - low) * Uniform(random);
}

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_FILE_TRAINEE_H_
