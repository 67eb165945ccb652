#include "models/train/document_trainee.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "models/tokenizer/sentencepiece_trainer.h"
#include "models/train/objective.h"
#include "models/train/output_folder.h"

namespace strata::models {
namespace {

constexpr int64_t kScoringBatchTokens = 32768;

}  // namespace

absl::Status DocumentTrainee::ReadData() {
  run_.Report("reading");
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
  std::mt19937_64 random = RandomFor(options_.recipe.seed, TrainPurpose::kHoldOut);
  const auto label_of = [](const LabelledTree& document) {
    return *std::ranges::find_if_not(document.labels, &std::string::empty);
  };
  auto held_out = HoldOut(options_.held_out_share, random, label_of, train_trees_);
  if (!held_out.ok()) {
    return absl::Status(held_out.status().code(),
                        absl::StrCat(options_.train_path, ": ", held_out.status().message()));
  }
  held_out_trees_ = *std::move(held_out);
  return absl::OkStatus();
}

absl::Status DocumentTrainee::PrepareTokenizer() {
  run_.Report("tokenizer");
  const std::string path = run_.InFolder("spiece.model");
  const bool resumes = run_.resumes();
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
  if (!resumes) WarnOfLittle();
  train_trees_ = {};
  held_out_trees_ = {};
  return absl::OkStatus();
}

void DocumentTrainee::WarnOfLittle() {
  const int32_t wanted = options_.architecture.vocab_size;
  if (options_.tokenizer_path.empty() && tokenizer_->vocab_size() < wanted) {
    run_.Warn(absl::StrCat("the documents gave a vocabulary of ", tokenizer_->vocab_size(),
                           " entries, not ", wanted, ": they hold no more different words"));
  }
  run_.WarnOfLittle(*this);
}

absl::Status DocumentTrainee::PrepareModel() {
  at::manual_seed(RandomFor(options_.recipe.seed, TrainPurpose::kInitialize)());
  auto model = TrainedModel::Initialize(options_, tokenizer_->vocab_size(), labels_);
  if (!model.ok()) return model.status();
  model_ = std::make_unique<TrainedModel>(*std::move(model));
  class_weights_ = ClassWeights(train_, labels_.size(), options_.recipe.class_balance);
  return absl::OkStatus();
}

absl::StatusOr<PackedBatch> DocumentTrainee::PackDocuments(
    absl::Span<const TrainingDocument> documents) {
  std::vector<AnchoredSequence> sequences;
  sequences.reserve(documents.size());
  std::vector<const AnchoredSequence*> pointers;
  for (const TrainingDocument& document : documents) {
    sequences.push_back(AnchorSections(document.sections, anchors_, {}, {}, /*max_tokens=*/0));
  }
  for (const AnchoredSequence& sequence : sequences) pointers.push_back(&sequence);
  return Pack(pointers);
}

absl::StatusOr<at::Tensor> DocumentTrainee::Loss(absl::Span<const size_t> items,
                                                 std::mt19937_64& random) {
  std::vector<TrainingDocument> documents;
  for (const size_t item : items) {
    documents.push_back(SampleDocument(train_[item], options_.task, options_.recipe, random));
  }
  auto batch = PackDocuments(documents);
  if (!batch.ok()) return batch.status();
  return ComputeLoss(*model_, *batch, documents, options_, class_weights_);
}

absl::StatusOr<std::vector<ClassificationOutcome>> DocumentTrainee::Score() {
  const at::NoGradGuard no_grad;
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
    const absl::Status status = models::Score(*model_, *batch, documents, options_.task,
                                              static_cast<int64_t>(first), outcomes);
    if (!status.ok()) return status;
    first = i + 1;
    tokens = 0;
  }
  return outcomes;
}

absl::Status DocumentTrainee::WriteModel() {
  const absl::Status status = WriteTextFile(
      run_.InFolder("config.json"), ModelConfigJson(options_, tokenizer_->vocab_size(), labels_));
  if (!status.ok()) return status;
  return WriteSafetensors(run_.InFolder("model.safetensors"),
                          SaveWeights(model_->Table(), TensorType::kBFloat16), {{"format", "pt"}});
}

}  // namespace strata::models
