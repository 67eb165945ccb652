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

namespace strata::models {

// Fisher and Yates; std::shuffle differs between platforms.
template <typename T>
void Shuffle(std::vector<T>& values, std::mt19937_64& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

struct LabelledTree {
  DocumentTree tree;
  std::string label;
};

// All labelled documents of a JSON Lines file. INVALID_ARGUMENT names file and line: no label, no
// text, no JSON.
absl::StatusOr<std::vector<LabelledTree>> ReadLabelledTrees(const std::string& path);

struct TrainingDocument {
  std::vector<HdtSection> sections;  // token ids only
  int32_t label = 0;                 // class index
};

// Takes about `share` of `documents` out of them: of every label its share, at least one document
// in all, and never a label's last one. The same for the same random state. FAILED_PRECONDITION:
// every label has one document only.
absl::StatusOr<std::vector<LabelledTree>> HoldOut(double share, std::mt19937_64& random,
                                                  std::vector<LabelledTree>& documents);

// Sorted, without repetition.
std::vector<std::string> LabelsOf(const std::vector<LabelledTree>& documents);

// INVALID_ARGUMENT: a label that is not in `labels`.
absl::StatusOr<std::vector<TrainingDocument>> TokenizeTrainingSet(
    const std::vector<LabelledTree>& documents, const std::vector<std::string>& labels,
    const Tokenizer& tokenizer);

// The sections of a document with each sentence kept by chance `sentence_share` (at least one) and
// each of its tokens dropped by chance `token_dropout`; what is empty then is left out.
std::vector<HdtSection> SampleSections(const TrainingDocument& document, double sentence_share,
                                       double token_dropout, std::mt19937_64& random);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_TRAINING_SET_H_
