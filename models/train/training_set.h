// Labelled documents as token ids, and the random part of one that a step sees.
#ifndef STRATA_MODELS_TRAIN_TRAINING_SET_H_
#define STRATA_MODELS_TRAIN_TRAINING_SET_H_

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/document/document_tree.h"
#include "models/hdt/hdt_input.h"
#include "models/tokenizer/tokenizer.h"
#include "models/train/train.h"

namespace strata::models {

// Fisher and Yates; std::shuffle differs between platforms.
template <typename T>
void Shuffle(std::vector<T>& values, std::mt19937_64& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

// In [0, 1), the same on every platform (std distributions are not).
inline double Uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

// What is no class index in TrainingDocument::targets.
constexpr int32_t kUnlabelled = -1;  // a node of the task's level whose label is not known
constexpr int32_t kNoNode = -2;      // no node of that level: a heading, text outside of sections

struct LabelledTree {
  DocumentTree tree;
  // Documents: one. Sections, sentences: one for each such node, in document order; empty = not
  // known.
  std::vector<std::string> labels;
};

// All labelled documents of a JSON Lines file. INVALID_ARGUMENT names file and line: no label,
// another number of labels than of nodes, no text, no JSON.
absl::StatusOr<std::vector<LabelledTree>> ReadLabelledTrees(const std::string& path,
                                                            TrainTask task);

struct TrainingDocument {
  std::vector<HdtSection> sections;  // token ids only
  // Class indices: of the document; or of each HdtSection; or of each HdtSentence of all sections.
  std::vector<int32_t> targets;
};

// About `share` of the places of `labels`: of every label its share, at least one place in all, and
// never a label's last one. The same for the same random state. FAILED_PRECONDITION: every label
// has one document only.
absl::StatusOr<std::vector<bool>> HoldOutPlaces(double share, std::mt19937_64& random,
                                                const std::vector<std::string>& labels);

// Takes these out of `items`. label_of(item): its label; of a document of labelled parts the first
// of them.
template <typename T, typename LabelOf>
absl::StatusOr<std::vector<T>> HoldOut(double share, std::mt19937_64& random, LabelOf label_of,
                                       std::vector<T>& items) {
  std::vector<std::string> labels;
  for (const T& item : items) labels.push_back(label_of(item));
  auto is_held_out = HoldOutPlaces(share, random, labels);
  if (!is_held_out.ok()) return is_held_out.status();
  std::vector<T> kept, held_out;
  for (size_t i = 0; i < items.size(); ++i) {
    ((*is_held_out)[i] ? held_out : kept).push_back(std::move(items[i]));
  }
  items = std::move(kept);
  return held_out;
}

// Sorted, without repetition.
std::vector<std::string> LabelsOf(const std::vector<LabelledTree>& documents);

// INVALID_ARGUMENT: a label that is not in `labels`.
absl::StatusOr<std::vector<TrainingDocument>> TokenizeTrainingSet(
    const std::vector<LabelledTree>& documents, const std::vector<std::string>& labels,
    TrainTask task, const Tokenizer& tokenizer);

// What a step sees of a document. Documents: each sentence is kept by chance `sentence_share` (at
// least one) and each of its tokens dropped by chance `token_dropout`; what is empty then is left
// out. Sections, sentences: tokens are dropped, nodes stay.
TrainingDocument SampleDocument(const TrainingDocument& document, TrainTask task,
                                const TrainRecipe& recipe, std::mt19937_64& random);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_TRAINING_SET_H_
