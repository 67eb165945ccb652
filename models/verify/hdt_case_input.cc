#include "models/verify/hdt_case_input.h"

#include <algorithm>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/hdt/hdt_input.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {
namespace {

// The nine rows of one document, as the reference's tokenizer writes them.
struct Rows {
  at::Tensor ids;                                  // [n]
  std::array<at::Tensor, 3> keep, hash, position;  // [n] each

  static absl::StatusOr<Rows> Read(const GoldenCase& golden, at::IntArrayRef shape,
                                   int64_t document) {
    Rows rows;
    const auto row = [&](const std::string& name) -> absl::StatusOr<at::Tensor> {
      auto tensor = golden.Input(name);
      if (!tensor.ok()) return tensor.status();
      if (tensor->sizes() != shape) {
        return absl::InvalidArgumentError(
            absl::StrCat("input '", name, "' has shape ", ShapeString(tensor->sizes().vec()),
                         ", input_ids has ", ShapeString(shape.vec())));
      }
      return (*tensor)[document].to(at::kInt).contiguous();
    };
    auto ids = row("input_ids");
    if (!ids.ok()) return ids.status();
    rows.ids = *ids;
    for (size_t level = 0; level < 3; ++level) {
      for (const auto& [name, target] : {std::pair{"keep_ids_", &rows.keep},
                                         {"hash_ids_", &rows.hash},
                                         {"position_ids_", &rows.position}}) {
        auto tensor = row(absl::StrCat(name, level));
        if (!tensor.ok()) return tensor.status();
        (*target)[level] = *tensor;
      }
    }
    return rows;
  }

  bool Keep(size_t level, int64_t t) const { return At(keep[level], t) != 0; }
  static int32_t At(const at::Tensor& row, int64_t t) { return row.const_data_ptr<int32_t>()[t]; }
};

// Role of a token from its keep bits; a global query's tokens look like <doc> and stand before it.
absl::StatusOr<TokenRole> RoleOf(const Rows& rows, int64_t t, bool before_document) {
  const bool k0 = rows.Keep(0, t), k1 = rows.Keep(1, t), k2 = rows.Keep(2, t);
  if (k0 && !k1 && !k2) return TokenRole::kWord;
  if (k0 && k1 && !k2) return TokenRole::kSentenceAnchor;
  if (!k0 && k1 && k2) return TokenRole::kSectionAnchor;
  if (!k0 && !k1 && k2) {
    return before_document ? TokenRole::kGlobalQuery : TokenRole::kDocumentAnchor;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("token ", t, " has keep bits of no kind of token"));
}

absl::StatusOr<AnchoredSequence> SequenceOf(const Rows& rows, int64_t length) {
  AnchoredSequence sequence;
  // <doc> is the last token of the third level alone; what stands before it is the query.
  int32_t document = -1;
  for (int64_t t = 0; t < length; ++t) {
    if (rows.Keep(2, t) && !rows.Keep(1, t) && !rows.Keep(0, t)) document = static_cast<int32_t>(t);
  }
  if (document < 0) return absl::InvalidArgumentError("a row has no <doc> token");
  std::map<int32_t, int32_t> sentence_of_hash, section_of_hash;
  for (int64_t t = 0; t < length; ++t) {
    auto role = RoleOf(rows, t, t < document);
    if (!role.ok()) return role.status();
    const auto index = static_cast<int32_t>(t);
    int32_t parent = document;
    if (*role == TokenRole::kDocumentAnchor) {
      parent = -1;
    } else if (*role == TokenRole::kSectionAnchor) {
      section_of_hash[Rows::At(rows.hash[1], t)] = index;
    } else if (*role != TokenRole::kGlobalQuery) {
      const bool word = *role == TokenRole::kWord;
      if (!word) sentence_of_hash[Rows::At(rows.hash[0], t)] = index;
      const auto& owners = word ? sentence_of_hash : section_of_hash;
      const auto owner = owners.find(Rows::At(rows.hash[word ? 0 : 1], t));
      if (owner == owners.end()) {
        return absl::InvalidArgumentError(absl::StrCat("token ", t, " has no anchor before it"));
      }
      parent = owner->second;
    }
    sequence.token_ids.push_back(Rows::At(rows.ids, t));
    sequence.roles.push_back(*role);
    sequence.parents.push_back(parent);
    sequence.positions.push_back({Rows::At(rows.position[0], t), Rows::At(rows.position[1], t),
                                  Rows::At(rows.position[2], t)});
  }
  return sequence;
}

// A flat model's padding rows attend to the document, and it to them if no mask hides them.
void AppendPadding(const Rows& rows, int64_t begin, int64_t end, AnchoredSequence& sequence) {
  for (int64_t t = begin; t < end; ++t) {
    sequence.token_ids.push_back(Rows::At(rows.ids, t));
    sequence.roles.push_back(TokenRole::kWord);
    sequence.parents.push_back(0);
    sequence.positions.push_back({Rows::At(rows.position[0], t), Rows::At(rows.position[1], t),
                                  Rows::At(rows.position[2], t)});
  }
}

std::vector<HdtSection> SectionsOf(const std::vector<std::vector<Encoding>>& document) {
  std::vector<HdtSection> sections;
  for (const std::vector<Encoding>& sentences : document) {
    HdtSection& section = sections.emplace_back();
    for (const Encoding& sentence : sentences) {
      section.sentences.push_back({sentence.ids, sentence.offsets, -1, {}});
    }
  }
  return sections;
}

at::Tensor PositionsOf(const AnchoredSequence& sequence, int64_t length) {
  at::Tensor positions = at::zeros({length, 3}, at::kInt);
  for (int64_t t = 0; t < std::min(length, sequence.num_tokens()); ++t) {
    for (int64_t l = 0; l < 3; ++l) {
      positions[t][l] = sequence.positions[static_cast<size_t>(t)][static_cast<size_t>(l)];
    }
  }
  return positions;
}

}  // namespace

absl::StatusOr<HdtCaseInput> ReadHdtCaseInput(const GoldenCase& golden, const HdtConfig& config,
                                              const at::Tensor& attention_mask) {
  auto ids = golden.Input("input_ids");
  if (!ids.ok()) return ids.status();
  if (ids->dim() != 2) return absl::InvalidArgumentError("input_ids must be [documents, length]");
  HdtCaseInput input;
  input.padded_length = ids->size(1);
  input.real = at::zeros({ids->size(0), ids->size(1)}, at::kBool);
  for (int64_t b = 0; b < ids->size(0); ++b) {
    auto rows = Rows::Read(golden, ids->sizes(), b);
    if (!rows.ok()) return rows.status();
    int64_t length = input.padded_length;
    while (length > 0 && !rows->Keep(0, length - 1) && !rows->Keep(1, length - 1) &&
           !rows->Keep(2, length - 1)) {
      --length;
    }
    auto sequence = SequenceOf(*rows, length);
    if (!sequence.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("document ", b, ": ", sequence.status().message()));
    }
    input.real[b].narrow(0, 0, length).fill_(true);
    if (!config.is_hierarchical) AppendPadding(*rows, length, input.padded_length, *sequence);
    input.num_padding.push_back(input.padded_length - sequence->num_tokens());
    input.sequences.push_back(*std::move(sequence));
  }
  if (!config.is_hierarchical && attention_mask.defined()) {
    if (attention_mask.sizes() != ids->sizes()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input 'attention_mask' has shape ", ShapeString(attention_mask.sizes().vec()),
          ", input_ids has ", ShapeString(ids->sizes().vec())));
    }
    input.hidden = (attention_mask == 0).flatten();
  }
  return input;
}

absl::StatusOr<PackedBatch> PackInput(const HdtCaseInput& input) {
  std::vector<const AnchoredSequence*> sequences;
  for (const AnchoredSequence& sequence : input.sequences) sequences.push_back(&sequence);
  return Pack(sequences);
}

at::Tensor Unpack(const at::Tensor& packed, const HdtCaseInput& input) {
  std::vector<int64_t> shape = packed.sizes().vec();
  shape[0] = input.padded_length;
  shape.insert(shape.begin(), static_cast<int64_t>(input.sequences.size()));
  at::Tensor padded = at::zeros(shape, packed.options());
  int64_t first = 0;
  for (size_t b = 0; b < input.sequences.size(); ++b) {
    const int64_t length = input.sequences[b].num_tokens();
    padded[static_cast<int64_t>(b)].narrow(0, 0, length).copy_(packed.narrow(0, first, length));
    first += length;
  }
  return padded;
}

absl::Status CompareHdtTexts(const GoldenCase& golden, const HdtCaseInput& input,
                             Comparison& comparison) {
  const auto documents = golden.description.find("documents");
  if (documents == golden.description.end()) return absl::OkStatus();
  auto tokenizer = Tokenizer::Load(golden.folder);
  if (!tokenizer.ok()) return tokenizer.status();
  auto anchors = HdtAnchorIds::Find(**tokenizer);
  if (!anchors.ok()) return anchors.status();
  const auto arguments = golden.description.value("tokenizer_arguments", nlohmann::json::object());
  const std::string query = arguments.value("query", std::string());
  const bool global_query = arguments.value("global_query", false);
  const auto limit = golden.description.value("max_document_length", int64_t{0});

  Encoding query_tokens;
  if (!query.empty()) {
    if (absl::Status s = (*tokenizer)->Encode(query, query_tokens); !s.ok()) return s;
  }
  if (documents->size() != input.sequences.size()) {
    return absl::InvalidArgumentError(
        "case.json and input_ids differ in their number of documents");
  }
  at::Tensor labels;
  if (golden.input.contains("labels")) {
    auto tensor = golden.Input("labels");
    if (!tensor.ok()) return tensor.status();
    labels = *tensor;
  }
  for (size_t b = 0; b < documents->size(); ++b) {
    std::vector<std::vector<Encoding>> sections;
    if (!query.empty() && !global_query) sections.push_back({query_tokens});
    for (const auto& section : (*documents)[b]) {
      std::vector<Encoding>& sentences = sections.emplace_back();
      for (const auto& sentence : section) {
        if (!sentence.is_string()) return absl::InvalidArgumentError("a sentence is not a string");
        absl::Status status =
            (*tokenizer)->Encode(sentence.get_ref<const std::string&>(), sentences.emplace_back());
        if (!status.ok()) return status;
      }
    }
    const AnchoredSequence sequence =
        AnchorSections(SectionsOf(sections), *anchors,
                       global_query ? query_tokens.ids : std::vector<int32_t>{}, {}, limit);
    const AnchoredSequence& expected = input.sequences[b];
    const int64_t length = input.real[static_cast<int64_t>(b)].sum().item<int64_t>();
    const auto ids = [](const std::vector<int32_t>& values, int64_t count) {
      return at::tensor(std::vector<int32_t>(
          values.begin(), values.begin() + std::min<int64_t>(count, std::ssize(values))));
    };
    at::Tensor expected_ids = ids(expected.token_ids, length);
    if (labels.defined()) {  // masked tokens: the text's own ids stand in the labels
      const at::Tensor row = labels[static_cast<int64_t>(b)].narrow(0, 0, length).to(at::kInt);
      expected_ids = at::where(row >= 0, row, expected_ids);
    }
    comparison.CompareExactly(absl::StrCat("text.input_ids.", b),
                              ids(sequence.token_ids, sequence.num_tokens()), expected_ids);
    comparison.CompareExactly(absl::StrCat("text.position_ids.", b), PositionsOf(sequence, length),
                              PositionsOf(expected, length));
  }
  return absl::OkStatus();
}

}  // namespace strata::models
