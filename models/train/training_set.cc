#include "models/train/training_set.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/document/json_lines.h"

namespace strata::models {
namespace {

bool HoldsText(const DocumentTree& tree) {
  return std::any_of(tree.nodes().begin(), tree.nodes().end(), [](const Node& node) {
    return node.kind == NodeKind::kSentence || node.kind == NodeKind::kHeading;
  });
}

NodeKind LabelledKind(TrainTask task) {
  return task == TrainTask::kSections ? NodeKind::kSection : NodeKind::kSentence;
}

// The class indices of a document's parts, as its sections were tokenized.
std::vector<int32_t> TargetsOf(const DocumentTree& tree, const std::vector<HdtSection>& sections,
                               TrainTask task, const std::vector<int32_t>& classes) {
  if (task == TrainTask::kDocuments) return classes;
  const NodeKind kind = LabelledKind(task);
  std::map<int32_t, int32_t> class_of;  // by node
  for (size_t n = 0; n < tree.nodes().size(); ++n) {
    if (tree.nodes()[n].kind != kind) continue;
    class_of.emplace(static_cast<int32_t>(n), classes[class_of.size()]);
  }
  std::vector<int32_t> targets;
  const auto add = [&](int32_t node) {
    const auto found = class_of.find(node);
    targets.push_back(found == class_of.end() ? kNoNode : found->second);
    // Text behind a subsection opens its section again; the first anchor is the section's.
    if (found != class_of.end()) class_of.erase(found);
  };
  for (const HdtSection& section : sections) {
    if (task == TrainTask::kSections) {
      add(section.node);
    } else {
      for (const HdtSentence& sentence : section.sentences) add(sentence.node);
    }
  }
  return targets;
}

// The labels that a line gives its document. INVALID_ARGUMENT.
absl::StatusOr<std::vector<std::string>> LabelsOf(const JsonLine& line, const DocumentTree& tree,
                                                  TrainTask task) {
  if (task == TrainTask::kDocuments) {
    if (!line.label.empty()) return std::vector<std::string>{line.label};
    return absl::InvalidArgumentError(
        "no label; each line needs a field \"label\", a string or a number");
  }
  const NodeKind kind = LabelledKind(task);
  const auto nodes = static_cast<size_t>(std::ranges::count(tree.nodes(), kind, &Node::kind));
  const std::string kinds = absl::StrCat(std::string(NodeKindName(kind)), "s");
  if (line.labels.size() != nodes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"labels\" has ", line.labels.size(), " entries, the document ", nodes, " ", kinds,
        "; each line needs a list with one for each of the ", kinds, ", in order"));
  }
  if (std::ranges::all_of(line.labels, &std::string::empty)) {
    return absl::InvalidArgumentError(absl::StrCat("none of the ", kinds, " has a label"));
  }
  return line.labels;
}

}  // namespace

absl::StatusOr<std::vector<LabelledTree>> ReadLabelledTrees(const std::string& path,
                                                            TrainTask task) {
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::vector<LabelledTree> documents;
  JsonLine line;
  while (true) {
    auto more = (*reader)->Next(line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    const std::string place = absl::StrCat(path, ", line ", line.line_number, ": ");
    auto tree = ReadDocument(line.json, DocumentFormat::kJson);
    if (!tree.ok()) {
      return absl::Status(tree.status().code(), absl::StrCat(place, tree.status().message()));
    }
    if (!HoldsText(*tree)) {
      return absl::InvalidArgumentError(absl::StrCat(place, "the document holds no text"));
    }
    auto labels = LabelsOf(line, *tree, task);
    if (!labels.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(place, labels.status().message()));
    }
    documents.push_back({*std::move(tree), *std::move(labels)});
  }
  return documents;
}

absl::StatusOr<std::vector<bool>> HoldOutPlaces(double share, std::mt19937_64& random,
                                                const std::vector<std::string>& labels) {
  std::map<std::string, std::vector<size_t>> by_label;
  for (size_t i = 0; i < labels.size(); ++i) by_label[labels[i]].push_back(i);
  const auto total =
      std::max<size_t>(1, static_cast<size_t>(share * static_cast<double>(labels.size())));
  // Each label's whole part, then one more for those with the largest rest.
  struct Quota {
    std::vector<size_t> documents;  // in random order
    size_t count;
    double rest;
  };
  std::vector<Quota> quotas;
  size_t taken = 0;
  for (auto& [label, places] : by_label) {
    Shuffle(places, random);
    const double wanted = share * static_cast<double>(places.size());
    const auto whole = std::min(static_cast<size_t>(wanted), places.size() - 1);
    taken += whole;
    quotas.push_back({std::move(places), whole, wanted - static_cast<double>(whole)});
  }
  std::stable_sort(quotas.begin(), quotas.end(),
                   [](const Quota& a, const Quota& b) { return a.rest > b.rest; });
  for (Quota& quota : quotas) {
    if (taken >= total) break;
    if (quota.count + 1 >= quota.documents.size()) continue;
    ++quota.count;
    ++taken;
  }
  if (taken == 0) {
    return absl::FailedPreconditionError(
        "every label has one document only, so none can be held out; give held-out documents");
  }
  std::vector<bool> is_held_out(labels.size());
  for (const Quota& quota : quotas) {
    for (size_t i = 0; i < quota.count; ++i) is_held_out[quota.documents[i]] = true;
  }
  return is_held_out;
}

std::vector<std::string> LabelsOf(const std::vector<LabelledTree>& documents) {
  std::set<std::string> labels;
  for (const LabelledTree& document : documents) {
    labels.insert(document.labels.begin(), document.labels.end());
  }
  labels.erase("");
  return {labels.begin(), labels.end()};
}

absl::StatusOr<std::vector<TrainingDocument>> TokenizeTrainingSet(
    const std::vector<LabelledTree>& documents, const std::vector<std::string>& labels,
    TrainTask task, const Tokenizer& tokenizer) {
  std::vector<TrainingDocument> set;
  set.reserve(documents.size());
  for (const LabelledTree& document : documents) {
    std::vector<int32_t> classes;
    for (const std::string& label : document.labels) {
      const auto found = std::lower_bound(labels.begin(), labels.end(), label);
      if (label.empty()) {
        classes.push_back(kUnlabelled);
      } else if (found != labels.end() && *found == label) {
        classes.push_back(static_cast<int32_t>(found - labels.begin()));
      } else {
        return absl::InvalidArgumentError(
            absl::StrCat("held-out label '", label, "' does not occur in the training documents"));
      }
    }
    auto sections = TokenizeTree(document.tree, tokenizer);
    if (!sections.ok()) return sections.status();
    for (HdtSection& section : *sections) {
      for (HdtSentence& sentence : section.sentences) {
        sentence.spans = {};
        sentence.token_ids.shrink_to_fit();
      }
    }
    std::vector<int32_t> targets = TargetsOf(document.tree, *sections, task, classes);
    set.push_back({*std::move(sections), std::move(targets)});
  }
  return set;
}

TrainingDocument SampleDocument(const TrainingDocument& document, TrainTask task,
                                const TrainRecipe& recipe, std::mt19937_64& random) {
  const bool whole = task != TrainTask::kDocuments;
  size_t count = 0;
  for (const HdtSection& section : document.sections) count += section.sentences.size();
  std::vector<bool> kept(count);
  bool any = false;
  for (size_t i = 0; i < count; ++i) {
    kept[i] = whole || Uniform(random) < recipe.sentence_share;
    any |= kept[i];
  }
  if (!any && count > 0) kept[random() % count] = true;

  TrainingDocument sample;
  sample.targets = document.targets;
  size_t index = 0;
  for (const HdtSection& section : document.sections) {
    HdtSection part;
    for (const HdtSentence& sentence : section.sentences) {
      if (!kept[index++]) continue;
      HdtSentence copy;
      for (int32_t id : sentence.token_ids) {
        if (Uniform(random) >= recipe.token_dropout) copy.token_ids.push_back(id);
      }
      if (whole || !copy.token_ids.empty()) part.sentences.push_back(std::move(copy));
    }
    if (!part.sentences.empty()) sample.sections.push_back(std::move(part));
  }
  return sample;
}

}  // namespace strata::models
