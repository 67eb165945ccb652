// The training of documents, or of their sections or sentences: labelled JSON Lines, a tokenizer
// and an HDT with a head.
#ifndef STRATA_MODELS_TRAIN_DOCUMENT_TRAINEE_H_
#define STRATA_MODELS_TRAIN_DOCUMENT_TRAINEE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/batch/packed_batch.h"
#include "models/tokenizer/tokenizer.h"
#include "models/train/train_run.h"
#include "models/train/trained_model.h"
#include "models/train/training_set.h"

namespace strata::models {

class DocumentTrainee : public Trainee {
 public:
  // Borrows both.
  DocumentTrainee(const TrainOptions& options, TrainRun& run) : options_(options), run_(run) {}

  // Both sets. INVALID_ARGUMENT: as TrainClassifier.
  absl::Status ReadData();
  // Tokenizer and model, after TrainRun::Begin: a tokenizer that is trained is written at once.
  absl::Status Prepare() {
    absl::Status status = PrepareTokenizer();
    return status.ok() ? PrepareModel() : status;
  }

  int64_t num_items() const override { return static_cast<int64_t>(train_.size()); }
  int64_t num_held_out() const override { return static_cast<int64_t>(held_out_.size()); }
  const std::vector<std::string>& labels() const override { return labels_; }
  std::vector<WeightEntry> Table() override { return model_->Table(); }
  std::vector<std::pair<at::Tensor, bool>> Parameters() override { return model_->Parameters(); }
  absl::StatusOr<at::Tensor> Loss(absl::Span<const size_t> items, std::mt19937_64& random) override;
  absl::StatusOr<std::vector<ClassificationOutcome>> Score() override;
  absl::Status WriteModel() override;

 private:
  absl::Status PrepareTokenizer();
  absl::Status PrepareModel();
  void WarnOfLittle();
  absl::StatusOr<PackedBatch> PackDocuments(absl::Span<const TrainingDocument> documents);

  const TrainOptions& options_;
  TrainRun& run_;
  std::vector<LabelledTree> train_trees_, held_out_trees_;
  std::vector<std::string> labels_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<TrainingDocument> train_, held_out_;
  HdtAnchorIds anchors_;
  at::Tensor class_weights_;
  std::unique_ptr<TrainedModel> model_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_DOCUMENT_TRAINEE_H_
