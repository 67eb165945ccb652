#include "models/tokenizer/tokenizer_json.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/bpe.h"
#include "models/tokenizer/json_field.h"
#include "models/tokenizer/pipeline_tokenizer.h"
#include "models/tokenizer/unigram.h"
#include "models/tokenizer/word_piece.h"

namespace strata::models {
namespace {

// A decimal number as the package's JSON reader has it: the digits as an integer, then scaled,
// which may be off by the last bit. Scores of a Unigram that tie exactly show the difference.
double ReadDecimal(const std::string& text) {
  uint64_t digits = 0;
  int exponent = 0;
  size_t i = text[0] == '-' ? 1 : 0;
  bool after_point = false, full = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      after_point = true;
      continue;
    }
    const auto digit = static_cast<uint64_t>(text[i] - '0');
    full = full || digits > (UINT64_MAX - digit) / 10;
    if (!full) digits = digits * 10 + digit;
    exponent += full ? !after_point : -static_cast<int>(after_point);
  }
  if (i < text.size()) {
    const long given = std::strtol(text.c_str() + i + 1, nullptr, 10);
    exponent += static_cast<int>(std::clamp(given, -100000L, 100000L));
  }
  auto value = static_cast<double>(digits);
  if (digits == 0) exponent = 0;
  while (exponent < -308) {
    value /= 1e308;
    exponent += 308;
  }
  // The literals of the powers of ten are exactly rounded, std::pow need not be.
  const double power = std::strtod(absl::StrCat("1e", std::abs(exponent)).c_str(), nullptr);
  value = exponent < 0 ? value / power : value * power;
  return text[0] == '-' ? -value : value;
}

// nlohmann's builder of documents, but for how numbers with a fraction are read.
class JsonReader : public nlohmann::detail::json_sax_dom_parser<nlohmann::json> {
 public:
  explicit JsonReader(nlohmann::json& out)
      : nlohmann::detail::json_sax_dom_parser<nlohmann::json>(out, /*allow_exceptions_=*/false) {}
  bool number_float(double, const std::string& text) {
    return nlohmann::detail::json_sax_dom_parser<nlohmann::json>::number_float(ReadDecimal(text),
                                                                               text);
  }
};

absl::StatusOr<nlohmann::json> ParseJson(const std::string& content, const std::string& name) {
  nlohmann::json json;
  JsonReader reader(json);
  if (!nlohmann::json::sax_parse(content, &reader) || reader.is_errored()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": not JSON"));
  }
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": must hold a JSON object"));
  }
  return json;
}

absl::Status In(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(name, ": ", status.message()));
}

absl::StatusOr<std::unique_ptr<Model>> ParseModel(const JsonField& field,
                                                  PreTokenizer* pre_tokenizer) {
  if (field.is_null()) return field.Error("is missing");
  JsonField type = field.At("type");
  std::string name;
  if (type.is_null()) {  // files of before 2020 do not say
    name = !field.At("merges").is_null()      ? "BPE"
           : !field.At("unk_token").is_null() ? "WordPiece"
                                              : "Unigram";
  } else {
    absl::StatusOr<std::string> given = type.String();
    if (!given.ok()) return given.status();
    name = *std::move(given);
  }
  if (name == "WordPiece") return ParseWordPiece(field);
  if (name == "Unigram") return ParseUnigram(field);
  if (name == "BPE") {
    absl::StatusOr<std::unique_ptr<Bpe>> model = ParseBpe(field);
    if (!model.ok()) return model.status();
    if (pre_tokenizer != nullptr && (*model)->CanReadRawBytes() && pre_tokenizer->UseRawBytes()) {
      (*model)->ReadRawBytes();
    }
    return std::unique_ptr<Model>(*std::move(model));
  }
  return type.Error(
      absl::StrCat("'", name, "' is not supported; supported are WordPiece, BPE, ", "Unigram"));
}

// Which of the post-processor's parts change offsets.
absl::Status ParseTrims(const JsonField& field, int depth, std::vector<OffsetTrim>& trims) {
  if (field.is_null()) return absl::OkStatus();
  if (depth > 16) return field.Error("is nested too deeply");
  const absl::StatusOr<std::string> type = field.At("type").String();
  if (!type.ok()) return type.status();
  if (*type == "Sequence") {
    const JsonField list = field.At("processors");
    if (!list.value().is_array()) return list.Error("must be a list");
    for (size_t i = 0; i < list.value().size(); ++i) {
      if (absl::Status status = ParseTrims(list.At(i), depth + 1, trims); !status.ok()) {
        return status;
      }
    }
  } else if (*type == "ByteLevel" || *type == "RobertaProcessing") {
    const absl::StatusOr<bool> trim = field.At("trim_offsets").Bool();
    if (!trim.ok()) return trim.status();
    const absl::StatusOr<bool> add_prefix_space = field.At("add_prefix_space").Bool();
    if (!add_prefix_space.ok()) return add_prefix_space.status();
    if (*trim) trims.push_back({*add_prefix_space});
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenizerParts> ParseParts(const JsonField& root) {
  TokenizerParts parts;
  if (const JsonField version = root.At("version"); !version.is_null()) {
    const absl::StatusOr<std::string> text = version.String();
    if (!text.ok()) return text.status();
    if (*text != "1.0")
      return version.Error(absl::StrCat("'", *text, "' is unknown; 1.0 is known"));
  }
  absl::StatusOr<std::vector<AddedToken>> added = ParseAddedTokens(root.At("added_tokens"));
  if (!added.ok()) return added.status();
  parts.added_tokens = *std::move(added);
  if (const JsonField field = root.At("normalizer"); !field.is_null()) {
    auto normalizer = ParseNormalizer(field);
    if (!normalizer.ok()) return normalizer.status();
    parts.normalizer = *std::move(normalizer);
  }
  if (const JsonField field = root.At("pre_tokenizer"); !field.is_null()) {
    auto pre_tokenizer = ParsePreTokenizer(field);
    if (!pre_tokenizer.ok()) return pre_tokenizer.status();
    parts.pre_tokenizer = *std::move(pre_tokenizer);
  }
  auto model = ParseModel(root.At("model"), parts.pre_tokenizer.get());
  if (!model.ok()) return model.status();
  parts.model = *std::move(model);
  if (const JsonField field = root.At("decoder"); !field.is_null()) {
    auto decoder = ParseTokenDecoder(field);
    if (!decoder.ok()) return decoder.status();
    parts.decoder = *std::move(decoder);
  }
  absl::Status status = ParseTrims(root.At("post_processor"), 0, parts.trims);
  if (!status.ok()) return status;
  return parts;
}

// A special token of tokenizer_config.json: a string or an object with "content".
absl::StatusOr<std::string> SpecialToken(const JsonField& config, const std::string& key,
                                         const std::string& fallback) {
  const JsonField field = config.At(key);
  if (field.is_null()) return fallback;
  return field.value().is_object() ? field.At("content").String() : field.String();
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::string& content) {
  if (const size_t bad = FirstInvalidUtf8(content); bad != content.size()) {
    return absl::InvalidArgumentError(absl::StrCat("not UTF-8 at byte ", bad));
  }
  Vocabulary vocabulary;
  int64_t id = 0;
  for (size_t begin = 0; begin < content.size(); ++id) {
    size_t end = std::min(content.find('\n', begin), content.size());
    const size_t next = end + 1;
    while (end > begin &&
           (content[end - 1] == '\r' || content[end - 1] == ' ' || content[end - 1] == '\t')) {
      --end;
    }
    absl::Status status = vocabulary.Add(std::string_view(content).substr(begin, end - begin), id);
    if (!status.ok()) return In(absl::StrCat("line ", id + 1), status);
    begin = next;
  }
  return vocabulary;
}

absl::StatusOr<TokenizerParts> ReadBert(const std::string& content, const JsonField& config,
                                        const JsonField& added) {
  TokenizerParts parts;
  absl::StatusOr<Vocabulary> vocabulary = ReadVocabulary(content);
  if (!vocabulary.ok()) return vocabulary.status();
  BertNormalizerOptions normalizer;
  const absl::StatusOr<bool> lowercase = config.At("do_lower_case").Bool(true);
  if (!lowercase.ok()) return lowercase.status();
  normalizer.lowercase = *lowercase;
  const absl::StatusOr<bool> chinese = config.At("tokenize_chinese_chars").Bool(true);
  if (!chinese.ok()) return chinese.status();
  normalizer.handle_chinese_chars = *chinese;
  if (const JsonField accents = config.At("strip_accents"); !accents.is_null()) {
    const absl::StatusOr<bool> strip = accents.Bool();
    if (!strip.ok()) return strip.status();
    normalizer.strip_accents = *strip;
  }
  parts.normalizer = MakeBertNormalizer(normalizer);
  parts.pre_tokenizer = MakeBertPreTokenizer();

  parts.decoder = MakeWordPieceDecoder("##", /*cleanup=*/true);

  WordPieceOptions model;
  for (const auto& [key, fallback] :
       {std::pair("unk_token", "[UNK]"), std::pair("sep_token", "[SEP]"),
        std::pair("cls_token", "[CLS]"), std::pair("pad_token", "[PAD]"),
        std::pair("mask_token", "[MASK]")}) {
    const absl::StatusOr<std::string> token = SpecialToken(config, key, fallback);
    if (!token.ok()) return token.status();
    if (std::string_view(key) == "unk_token") model.unk_token = *token;
    if (vocabulary->Find(*token).has_value()) {
      parts.added_tokens.push_back({.content = *token, .special = true});
    }
  }
  if (!added.is_null()) {
    if (!added.value().is_object()) return added.Error("must be an object of token: id");
    std::vector<std::pair<int64_t, std::string>> by_id;
    for (const auto& [token, id] : added.value().items()) {
      const absl::StatusOr<int64_t> value = added.At(token).Integer(0, Vocabulary::kMaxId);
      if (!value.ok()) return value.status();
      by_id.emplace_back(*value, token);
    }
    std::sort(by_id.begin(), by_id.end());
    for (const auto& [id, token] : by_id) {
      if (absl::Status status = vocabulary->Add(token, id); !status.ok()) {
        return In("added_tokens.json", status);
      }
      parts.added_tokens.push_back({token});
    }
  }
  auto made = MakeWordPiece(*std::move(vocabulary), model);
  if (!made.ok()) return made.status();
  parts.model = *std::move(made);
  return parts;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizerFromJson(const std::string& content,
                                                                 const std::string& name) {
  const absl::StatusOr<nlohmann::json> json = ParseJson(content, name);
  if (!json.ok()) return json.status();
  absl::StatusOr<TokenizerParts> parts = ParseParts(JsonField(*json, ""));
  if (!parts.ok()) return In(name, parts.status());
  auto tokenizer = MakePipelineTokenizer(*std::move(parts));
  if (!tokenizer.ok()) return In(name, tokenizer.status());
  return tokenizer;
}

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeTokenizerFromVocabulary(
    const std::string& vocabulary, const std::string& config, const std::string& added,
    const std::string& name) {
  nlohmann::json config_json, added_json;
  for (const auto& [text, json, file] : {std::tuple(&config, &config_json, "tokenizer_config.json"),
                                         std::tuple(&added, &added_json, "added_tokens.json")}) {
    if (text->empty()) continue;
    absl::StatusOr<nlohmann::json> parsed = ParseJson(*text, file);
    if (!parsed.ok()) return In(name, parsed.status());
    *json = *std::move(parsed);
  }
  absl::StatusOr<TokenizerParts> parts =
      ReadBert(vocabulary, JsonField(config_json, ""), JsonField(added_json, ""));
  if (!parts.ok()) return In(name, parts.status());
  auto tokenizer = MakePipelineTokenizer(*std::move(parts));
  if (!tokenizer.ok()) return In(name, tokenizer.status());
  return tokenizer;
}

}  // namespace strata::models
