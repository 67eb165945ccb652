#include "models/train/training_set.h"

#include <algorithm>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/document/json_lines.h"

namespace strata::models {
namespace {

// In [0, 1), the same on every platform (std distributions are not).
double Uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1.0p-53; }

}  // namespace

absl::StatusOr<std::vector<LabelledTree>> ReadLabelledTrees(const std::string& path) {
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::vector<LabelledTree> documents;
  JsonLine line;
  while (true) {
    auto more = (*reader)->Next(line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (line.label.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ":", line.line_number, ": no label; each line needs a string field \"label\""));
    }
    auto tree = ReadDocument(line.json, DocumentFormat::kJson);
    if (!tree.ok()) {
      return absl::Status(tree.status().code(),
                          absl::StrCat(path, ":", line.line_number, ": ", tree.status().message()));
    }
    documents.push_back({*std::move(tree), line.label});
  }
  return documents;
}

std::vector<std::string> LabelsOf(const std::vector<LabelledTree>& documents) {
  std::set<std::string> labels;
  for (const LabelledTree& document : documents) labels.insert(document.label);
  return {labels.begin(), labels.end()};
}

absl::StatusOr<std::vector<TrainingDocument>> TokenizeTrainingSet(
    const std::vector<LabelledTree>& documents, const std::vector<std::string>& labels,
    const Tokenizer& tokenizer) {
  std::vector<TrainingDocument> set;
  set.reserve(documents.size());
  for (const LabelledTree& document : documents) {
    const auto found = std::lower_bound(labels.begin(), labels.end(), document.label);
    if (found == labels.end() || *found != document.label) {
      return absl::InvalidArgumentError(absl::StrCat("held-out label '", document.label,
                                                     "' does not occur in the training documents"));
    }
    auto sections = TokenizeTree(document.tree, tokenizer);
    if (!sections.ok()) return sections.status();
    for (HdtSection& section : *sections) {
      for (HdtSentence& sentence : section.sentences) {
        sentence.spans = {};
        sentence.token_ids.shrink_to_fit();
      }
    }
    set.push_back({*std::move(sections), static_cast<int32_t>(found - labels.begin())});
  }
  return set;
}

std::vector<HdtSection> SampleSections(const TrainingDocument& document, double sentence_share,
                                       double token_dropout, std::mt19937_64& random) {
  size_t count = 0;
  for (const HdtSection& section : document.sections) count += section.sentences.size();
  std::vector<bool> kept(count);
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    kept[i] = Uniform(random) < sentence_share;
    any |= kept[i];
  }
  if (!any && count > 0) kept[random() % count] = true;

  std::vector<HdtSection> sample;
  size_t index = 0;
  for (const HdtSection& section : document.sections) {
    HdtSection part;
    for (const HdtSentence& sentence : section.sentences) {
      if (!kept[index++]) continue;
      HdtSentence copy;
      for (int32_t id : sentence.token_ids) {
        if (Uniform(random) >= token_dropout) copy.token_ids.push_back(id);
      }
      if (!copy.token_ids.empty()) part.sentences.push_back(std::move(copy));
    }
    if (!part.sentences.empty()) sample.push_back(std::move(part));
  }
  return sample;
}

}  // namespace strata::models
