// Source: coastalcph/hierarchical-transformers, tokenization_hat.py. Its quirks are what is checked
// here, so they are all imitated: see the comments below.
#include "models/verify/hat_text_case.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "models/hat/hat_segmentation.h"
#include "models/tokenizer/special_tokens.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

// One row of a batch in the making.
struct Row {
  Ids ids, mask;
};

enum class Padding : uint8_t { kNone, kLongest, kMaxLength };

// The arguments of HATTokenizer's call.
struct Call {
  Padding padding = Padding::kNone;
  int64_t max_length = 0;
  bool truncation = false;
  bool greedy_chunking = false;
};

absl::StatusOr<Call> ReadCall(const Json& description) {
  Call call;
  const Json arguments = description.value("tokenizer_call", Json::object());
  for (const auto& [name, value] : arguments.items()) {
    if (name == "padding") {
      if (value == true || value == "longest") call.padding = Padding::kLongest;
      if (value == "max_length") call.padding = Padding::kMaxLength;
    } else if (name == "max_length" && value.is_number_integer()) {
      call.max_length = value.get<int64_t>();
    } else if (name == "truncation") {
      call.truncation = value == true || value == "longest_first" || value == "only_first";
    } else if (name == "greedy_chunking") {
      call.greedy_chunking = value == true;
    } else if (name != "return_tensors") {
      return absl::UnimplementedError(
          absl::StrCat("case.json: tokenizer_call has '", name, "', which is not known"));
    }
  }
  if (call.padding == Padding::kMaxLength && call.max_length <= 0) {
    return absl::InvalidArgumentError("case.json: tokenizer_call pads to no max_length");
  }
  return call;
}

class ReferenceTokenizer {
 public:
  static absl::StatusOr<ReferenceTokenizer> Load(const GoldenCase& golden,
                                                 const HatConfig& config) {
    auto tokenizer = Tokenizer::Load(golden.folder);
    if (!tokenizer.ok()) return tokenizer.status();
    auto names = ReadSpecialTokens(golden.folder);
    if (!names.ok()) return names.status();
    ReferenceTokenizer reference(config);
    const struct {
      const std::string& name;
      std::initializer_list<const char*> usual;
      const char* what;
      int32_t& id;
    } tokens[] = {{names->cls, {"[CLS]", "<s>"}, "cls_token", reference.cls_},
                  {names->sep, {"[SEP]", "</s>"}, "sep_token", reference.sep_},
                  {names->pad, {"[PAD]", "<pad>"}, "pad_token", reference.pad_}};
    for (const auto& token : tokens) {
      auto id = SpecialTokenId(**tokenizer, token.name, token.usual, token.what);
      if (!id.ok()) return id.status();
      token.id = *id;
    }
    reference.tokenizer_ = *std::move(tokenizer);
    return reference;
  }

  absl::StatusOr<std::vector<Row>> Encode(const Json& description) const;

 private:
  explicit ReferenceTokenizer(const HatConfig& config) : config_(config) {}

  absl::StatusOr<Row> EncodeText(const Json& text) const;
  absl::StatusOr<std::vector<Row>> EncodeTexts(const Json& texts, const Call& call) const;
  absl::StatusOr<std::vector<Row>> Uniform(const Json& texts, const Call& call) const;
  absl::StatusOr<std::vector<Row>> Grouped(const Json& documents) const;
  absl::StatusOr<std::vector<Row>> Given(const Json& texts, const Call& call) const;
  absl::Status AddPairs(const Json& pairs, std::vector<Row>& rows) const;
  void AppendSegment(const Row& text, TokenRange range, int32_t first, int64_t size,
                     Row& row) const;
  void Pad(Padding padding, int64_t max_length, int64_t multiple, std::vector<Row>& rows) const;

  int64_t room() const { return config_.max_sentence_length - 1; }

  const HatConfig& config_;
  std::unique_ptr<const Tokenizer> tokenizer_;
  int32_t cls_ = 0, sep_ = 0, pad_ = 0;
};

absl::StatusOr<std::vector<Row>> ReferenceTokenizer::Encode(const Json& description) const {
  auto call = ReadCall(description);
  if (!call.ok()) return call.status();
  const Json& texts = description["texts"];
  if (!texts.is_array() || texts.empty()) {
    return absl::InvalidArgumentError("case.json: texts is no list of texts");
  }
  absl::StatusOr<std::vector<Row>> rows;
  if (texts[0].is_array()) {
    rows = Given(texts, *call);
  } else if (call->greedy_chunking) {
    rows = Uniform(texts, *call);
  } else {
    const Json sentences = description.value("sentences", Json());
    if (!sentences.is_array() || sentences.size() != texts.size()) {
      return absl::UnimplementedError(
          "case.json: grouping needs 'sentences', the reference's sentence splitter is not here");
    }
    rows = Grouped(sentences);
  }
  if (!rows.ok()) return rows.status();
  Pad(call->padding, call->max_length, call->max_length, *rows);
  const Json pairs = description.value("text_pair", Json());
  if (!pairs.is_null()) {
    if (absl::Status status = AddPairs(pairs, *rows); !status.ok()) return status;
  }
  return rows;
}

absl::StatusOr<Row> ReferenceTokenizer::EncodeText(const Json& text) const {
  if (!text.is_string()) return absl::InvalidArgumentError("case.json: a text is not a string");
  Encoding encoding;
  const absl::Status status = tokenizer_->Encode(text.get_ref<const std::string&>(), encoding);
  if (!status.ok()) return status;
  Row row;
  row.mask.assign(encoding.ids.size(), 1);
  row.ids = std::move(encoding.ids);
  return row;
}

// A batch of texts as the library's tokenizer makes it: cut and padded, if asked.
absl::StatusOr<std::vector<Row>> ReferenceTokenizer::EncodeTexts(const Json& texts,
                                                                 const Call& call) const {
  std::vector<Row> rows;
  for (const Json& text : texts) {
    auto row = EncodeText(text);
    if (!row.ok()) return row.status();
    const auto limit = static_cast<size_t>(call.max_length);
    if (call.truncation && limit > 0 && row->ids.size() > limit) {
      row->ids.resize(limit);
      row->mask.resize(limit);
    }
    rows.push_back(*std::move(row));
  }
  Pad(call.padding, call.max_length, /*multiple=*/0, rows);
  return rows;
}

// Runs of k - 1 tokens of the padded text. A run of which all ids are 0 is led by PAD instead of
// CLS, and one that is masked altogether has a masked first token.
absl::StatusOr<std::vector<Row>> ReferenceTokenizer::Uniform(const Json& texts,
                                                             const Call& call) const {
  auto rows = EncodeTexts(texts, call);
  if (!rows.ok()) return rows.status();
  for (Row& text : *rows) {
    Row row;
    const int64_t limit =
        std::max<int64_t>(0, int64_t{config_.model_max_length} - config_.max_sentences);
    const auto length = std::min(static_cast<int64_t>(text.ids.size()), limit);
    for (const TokenRange& range : CutUniformly(length, room())) {
      const auto run = [&](const Ids& values) {
        return absl::MakeConstSpan(values).subspan(static_cast<size_t>(range.begin),
                                                   static_cast<size_t>(range.end - range.begin));
      };
      const auto ids = run(text.ids), mask = run(text.mask);
      const bool has_ids = std::any_of(ids.begin(), ids.end(), [](int32_t id) { return id != 0; });
      const bool has_mask = std::any_of(mask.begin(), mask.end(), [](int32_t m) { return m != 0; });
      row.ids.push_back(has_ids ? cls_ : pad_);
      row.mask.push_back(has_mask ? 1 : 0);
      row.ids.insert(row.ids.end(), ids.begin(), ids.end());
      row.mask.insert(row.mask.end(), mask.begin(), mask.end());
    }
    text = std::move(row);
  }
  return rows;
}

absl::StatusOr<std::vector<Row>> ReferenceTokenizer::Grouped(const Json& documents) const {
  std::vector<Row> rows;
  for (const Json& sentences : documents) {
    Row text;
    std::vector<int64_t> lengths;
    for (const Json& sentence : sentences) {
      auto encoded = EncodeText(sentence);
      if (!encoded.ok()) return encoded.status();
      lengths.push_back(static_cast<int64_t>(encoded->ids.size()));
      text.ids.insert(text.ids.end(), encoded->ids.begin(), encoded->ids.end());
      text.mask.insert(text.mask.end(), encoded->mask.begin(), encoded->mask.end());
    }
    Row& row = rows.emplace_back();
    for (const TokenRange& range :
         GroupSentencesAsReference(lengths, room(), config_.max_sentences)) {
      AppendSegment(text, range, cls_, config_.max_sentence_length, row);
    }
  }
  return rows;
}

// Each text of a document is a segment; padded to 128 whatever k is.
absl::StatusOr<std::vector<Row>> ReferenceTokenizer::Given(const Json& texts,
                                                           const Call& call) const {
  std::vector<Row> rows;
  for (const Json& document : texts) {
    auto segments = EncodeTexts(document, call);
    if (!segments.ok()) return segments.status();
    if (std::ssize(*segments) > config_.max_sentences) segments->resize(config_.max_sentences);
    Row& row = rows.emplace_back();
    for (const Row& segment : *segments) {
      AppendSegment(segment, {0, static_cast<int64_t>(segment.ids.size())}, cls_, 128, row);
    }
  }
  return rows;
}

// The second text overwrites the segment whose number is the *sum of the ids* of the first tokens.
absl::Status ReferenceTokenizer::AddPairs(const Json& pairs, std::vector<Row>& rows) const {
  if (!pairs.is_array() || pairs.size() != rows.size()) {
    return absl::InvalidArgumentError("case.json: text_pair and texts differ in number");
  }
  const auto size = static_cast<size_t>(config_.max_sentence_size);
  for (size_t b = 0; b < rows.size(); ++b) {
    auto text = EncodeText(pairs[b]);
    if (!text.ok()) return text.status();
    Row segment;
    AppendSegment(*text, {0, static_cast<int64_t>(text->ids.size())}, sep_, 128, segment);
    size_t number = 0;
    for (size_t t = 0; t < rows[b].ids.size(); t += size) {
      number += static_cast<size_t>(rows[b].ids[t]);
    }
    const auto replace = [&](const Ids& by, Ids& values) {
      const size_t begin = std::min(size * number, values.size());
      const size_t end = std::min(size * (number + 1), values.size());
      values.erase(values.begin() + static_cast<int64_t>(begin),
                   values.begin() + static_cast<int64_t>(end));
      values.insert(values.begin() + static_cast<int64_t>(begin), by.begin(), by.end());
    };
    replace(segment.ids, rows[b].ids);
    replace(segment.mask, rows[b].mask);
  }
  return absl::OkStatus();
}

// A first token, at most size - 1 tokens of the range, and padding: the *mask* too is filled with
// the pad token's id.
void ReferenceTokenizer::AppendSegment(const Row& text, TokenRange range, int32_t first,
                                       int64_t size, Row& row) const {
  const int64_t end = std::min(range.end, range.begin + size - 1);
  const auto append = [&](const Ids& from, int32_t head, Ids& to) {
    to.push_back(head);
    to.insert(to.end(), from.begin() + range.begin, from.begin() + end);
    to.insert(to.end(), static_cast<size_t>(size - 1 - (end - range.begin)), pad_);
  };
  append(text.ids, first, row.ids);
  append(text.mask, 1, row.mask);
}

// The library's pad(): to the longest row or to max_length, rounded up to `multiple` (0: not).
void ReferenceTokenizer::Pad(Padding padding, int64_t max_length, int64_t multiple,
                             std::vector<Row>& rows) const {
  if (padding == Padding::kNone) return;
  int64_t length = max_length;
  if (padding == Padding::kLongest) {
    length = 0;
    for (const Row& row : rows) length = std::max(length, static_cast<int64_t>(row.ids.size()));
  }
  if (multiple > 0) length = (length + multiple - 1) / multiple * multiple;
  for (Row& row : rows) {
    const auto padded = std::max(static_cast<size_t>(length), row.ids.size());
    row.ids.resize(padded, pad_);
    row.mask.resize(padded, 0);
  }
}

}  // namespace

absl::Status CompareHatTexts(const GoldenCase& golden, const HatConfig& config,
                             Comparison& comparison) {
  const auto texts = golden.description.find("texts");
  if (texts == golden.description.end() || texts->is_null()) return absl::OkStatus();
  auto tokenizer = ReferenceTokenizer::Load(golden, config);
  if (!tokenizer.ok()) return tokenizer.status();
  auto rows = tokenizer->Encode(golden.description);
  if (!rows.ok()) return rows.status();
  for (const auto& [name, part] :
       {std::pair{"input_ids", &Row::ids}, {"attention_mask", &Row::mask}}) {
    auto expected = golden.Input(name);
    if (!expected.ok()) return expected.status();
    if (expected->dim() != 2 || expected->size(0) != std::ssize(*rows)) {
      return absl::InvalidArgumentError(
          absl::StrCat("case.json: texts and ", name, " differ in number"));
    }
    for (size_t b = 0; b < rows->size(); ++b) {
      const Ids& actual = (*rows)[b].*part;
      comparison.CompareExactly(absl::StrCat("text.", name, ".", b),
                                at::tensor(at::ArrayRef<int32_t>(actual)),
                                (*expected)[static_cast<int64_t>(b)]);
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::models
