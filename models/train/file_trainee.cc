#include "models/train/file_trainee.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "models/train/output_folder.h"

namespace strata::models {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{256} << 20;

// Follows from what was seen, not from gradients.
bool IsStatistic(const std::string& key) {
  return key.ends_with(".running_mean") || key.ends_with(".running_var");
}

}  // namespace

absl::Status FileTrainee::Prepare() {
  if (absl::Status status = Check(); !status.ok()) return status;
  run_.Report("reading");
  auto train = ReadLabelledFiles(options_.train_path);
  if (!train.ok()) return train.status();
  std::set<std::string> labels;
  for (const LabelledFile& file : *train) labels.insert(file.label);
  labels_.assign(labels.begin(), labels.end());
  if (labels_.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(options_.train_path, " has ", labels_.size(),
                                                   " label(s); a classifier needs at least 2"));
  }
  std::vector<LabelledFile> held_out;
  if (options_.held_out_path.empty()) {
    std::mt19937_64 random = RandomFor(options_.recipe.seed, TrainPurpose::kHoldOut);
    auto taken = HoldOut(
        options_.held_out_share, random, [](const LabelledFile& file) { return file.label; },
        *train);
    if (!taken.ok()) {
      return absl::Status(taken.status().code(),
                          absl::StrCat(options_.train_path, ": ", taken.status().message()));
    }
    held_out = *std::move(taken);
  } else {
    auto read = ReadLabelledFiles(options_.held_out_path);
    if (!read.ok()) return read.status();
    held_out = *std::move(read);
    if (held_out.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(options_.held_out_path, " names no file"));
    }
  }
  absl::Status status = ReadSet(*train, /*held_out=*/false, train_labels_);
  if (status.ok()) status = ReadSet(held_out, /*held_out=*/true, held_out_labels_);
  if (!status.ok()) return status;
  if (!run_.resumes()) run_.WarnOfLittle(*this);
  at::manual_seed(RandomFor(options_.recipe.seed, TrainPurpose::kInitialize)());
  if (absl::Status built = Build(); !built.ok()) return built;
  for (const WeightEntry& entry : Table()) entry.tensor->set_requires_grad(!IsStatistic(entry.key));
  return absl::OkStatus();
}

absl::Status FileTrainee::ReadSet(const std::vector<LabelledFile>& files, bool held_out,
                                  std::vector<int32_t>& classes) {
  for (const LabelledFile& file : files) {
    const auto found = std::lower_bound(labels_.begin(), labels_.end(), file.label);
    if (found == labels_.end() || *found != file.label) {
      return absl::InvalidArgumentError(
          absl::StrCat("held-out label '", file.label, "' does not occur in the training files"));
    }
    auto bytes = ReadFileBytes(file.path, kMaxFileBytes);
    if (!bytes.ok()) return bytes.status();
    if (absl::Status status = Read(*bytes, file.path, held_out); !status.ok()) return status;
    classes.push_back(static_cast<int32_t>(found - labels_.begin()));
  }
  return absl::OkStatus();
}

std::vector<std::pair<at::Tensor, bool>> FileTrainee::Parameters() {
  std::vector<std::pair<at::Tensor, bool>> parameters;
  std::set<const at::Tensor*> seen;
  for (const WeightEntry& entry : Table()) {
    if (!entry.tensor->requires_grad() || !seen.insert(entry.tensor).second) continue;
    const bool is_bias_table = absl::StrContains(entry.key, "bias_table");
    parameters.emplace_back(*entry.tensor, entry.tensor->dim() >= 2 && !is_bias_table);
  }
  return parameters;
}

absl::StatusOr<at::Tensor> FileTrainee::Loss(absl::Span<const size_t> items,
                                             std::mt19937_64& random) {
  const auto num_labels = static_cast<int64_t>(labels_.size());
  at::Tensor targets = at::zeros({static_cast<int64_t>(items.size()), num_labels});
  for (size_t i = 0; i < items.size(); ++i) {
    targets[static_cast<int64_t>(i)][train_labels_[items[i]]] = 1;
  }
  auto batch = Forward(items, targets, random);
  if (!batch.ok()) return batch.status();
  return at::cross_entropy_loss(batch->logits, batch->targets, /*weight=*/{}, at::Reduction::Mean,
                                /*ignore_index=*/-100, options_.recipe.label_smoothing);
}

absl::StatusOr<std::vector<ClassificationOutcome>> FileTrainee::Score() {
  const at::NoGradGuard no_grad;
  std::vector<ClassificationOutcome> outcomes;
  constexpr size_t kAtOnce = 64;
  for (size_t begin = 0; begin < held_out_labels_.size(); begin += kAtOnce) {
    const size_t end = std::min(held_out_labels_.size(), begin + kAtOnce);
    auto rows = LogProbabilities(begin, end);
    if (!rows.ok()) return rows.status();
    for (size_t i = begin; i < end; ++i) {
      const at::Tensor row = (*rows)[static_cast<int64_t>(i - begin)];
      const int32_t truth = held_out_labels_[i];
      outcomes.push_back({truth, static_cast<int32_t>(row.argmax().item<int64_t>()),
                          -row[truth].item<double>(), static_cast<int64_t>(i)});
    }
  }
  return outcomes;
}

absl::Status FileTrainee::WriteModel() {
  for (const auto& [name, content] : FolderFiles()) {
    if (absl::Status status = WriteTextFile(run_.InFolder(name), content); !status.ok()) {
      return status;
    }
  }
  return WriteSafetensors(run_.InFolder("model.safetensors"),
                          SaveWeights(Table(), TensorType::kBFloat16), {{"format", "pt"}});
}

}  // namespace strata::models
