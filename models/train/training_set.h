// Labelled documents as token ids, and the random part of one that a step sees.
#ifndef STRATA_MODELS_TRAIN_TRAINING_SET_H_
#define STRATA_MODELS_TRAIN_TRAINING_SET_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/document/document_tree.h"
#include "models/hdt/hdt_input.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

struct LabelledTree {
  DocumentTree tree;
  std::string label;
};

// All labelled documents of a JSON Lines file. INVALID_ARGUMENT names file and line.
absl::StatusOr<std::vector<LabelledTree>> ReadLabelledTrees(const std::string& path);

struct TrainingDocument {
  std::vector<HdtSection> sections;  // token ids only
  int32_t label = 0;                 // class index
};

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
