#include "models/tokenizer/token_decoder.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "models/tokenizer/byte_level.h"
#include "models/tokenizer/regex.h"
#include "models/tokenizer/utf8.h"

namespace strata::models {
namespace {

constexpr char kReplacementCharacter[] = "\xEF\xBF\xBD";
constexpr int kMaxDepth = 16;

// Spaces that a tokenizer of English put before punctuation and contractions.
std::string CleanUp(std::string text) {
  constexpr std::pair<const char*, const char*> kReplacements[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kReplacements) {
    text = absl::StrReplaceAll(text, {{from, to}});
  }
  return text;
}

class WordPieceDecoder : public TokenDecoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && absl::StartsWith(token, prefix_)) {
        token.erase(0, prefix_.size());
      } else if (i > 0) {
        token = absl::StrCat(" ", token);
      }
      if (cleanup_) token = CleanUp(token);
    }
  }

 private:
  const std::string prefix_;
  const bool cleanup_;
};

class BpeDecoder : public TokenDecoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    if (suffix_.empty()) return;
    for (size_t i = 0; i < tokens.size(); ++i) {
      const char* to = i + 1 < tokens.size() ? " " : "";
      tokens[i] = absl::StrReplaceAll(tokens[i], {{suffix_, to}});
    }
  }

 private:
  const std::string suffix_;
};

class ByteLevelDecoder : public TokenDecoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += BytesOf(token).value_or(token);
    tokens = {ToValidUtf8(bytes)};
  }
};

class MetaspaceDecoder : public TokenDecoder {
 public:
  MetaspaceDecoder(std::string replacement, bool prepends)
      : replacement_(std::move(replacement)), prepends_(prepends) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      // The space in front was put there by the pre-tokenizer.
      tokens[i] = absl::StrReplaceAll(tokens[i], {{replacement_, i == 0 && prepends_ ? "" : " "}});
    }
  }

 private:
  const std::string replacement_;
  const bool prepends_;
};

class CtcDecoder : public TokenDecoder {
 public:
  CtcDecoder(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}
  void Apply(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) {
      if (!pad_.empty()) token = absl::StrReplaceAll(token, {{pad_, ""}});
      if (!cleanup_) continue;
      token = CleanUp(token);
      if (!delimiter_.empty()) token = absl::StrReplaceAll(token, {{delimiter_, " "}});
    }
    std::erase(tokens, "");
  }

 private:
  const std::string pad_, delimiter_;
  const bool cleanup_;
};

class FuseDecoder : public TokenDecoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    tokens = {absl::StrJoin(tokens, "")};
  }
};

class StripDecoder : public TokenDecoder {
 public:
  StripDecoder(std::string content, int64_t start, int64_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      for (int64_t n = 0; n < start_ && absl::StartsWith(token, content_); ++n) {
        token.erase(0, content_.size());
      }
      for (int64_t n = 0; n < stop_ && absl::EndsWith(token, content_); ++n) {
        token.erase(token.size() - content_.size());
      }
    }
  }

 private:
  const std::string content_;
  const int64_t start_, stop_;
};

// The byte of "<0x0A>".
std::optional<char> ByteOf(const std::string& token) {
  if (token.size() != 6 || !absl::StartsWith(token, "<0x") || token[5] != '>' ||
      !absl::ascii_isxdigit(static_cast<unsigned char>(token[3])) ||
      !absl::ascii_isxdigit(static_cast<unsigned char>(token[4]))) {
    return std::nullopt;
  }
  return static_cast<char>(std::stoi(token.substr(3, 2), nullptr, 16));
}

class ByteFallbackDecoder : public TokenDecoder {
 public:
  void Apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (FirstInvalidUtf8(bytes) == bytes.size()) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), kReplacementCharacter);
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = ByteOf(token)) {
        bytes += *byte;
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
};

class ReplaceDecoder : public TokenDecoder {
 public:
  ReplaceDecoder(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    std::vector<Match> matches;
    for (std::string& token : tokens) {
      matches.clear();
      if (!pattern_.FindAll(token, matches).ok() || matches.empty()) continue;
      std::string replaced;
      size_t end = 0;
      for (const Match& match : matches) {
        absl::StrAppend(&replaced, token.substr(end, match.begin - end), content_);
        end = match.end;
      }
      absl::StrAppend(&replaced, token.substr(end));
      token = std::move(replaced);
    }
  }

 private:
  const Regex pattern_;
  const std::string content_;
};

class ChainDecoder : public TokenDecoder {
 public:
  explicit ChainDecoder(std::vector<std::unique_ptr<TokenDecoder>> parts)
      : parts_(std::move(parts)) {}
  void Apply(std::vector<std::string>& tokens) const override {
    for (const auto& part : parts_) part->Apply(tokens);
  }

 private:
  const std::vector<std::unique_ptr<TokenDecoder>> parts_;
};

using Parsed = absl::StatusOr<std::unique_ptr<TokenDecoder>>;

Parsed Parse(const JsonField& field, int depth);

Parsed ParseSequence(const JsonField& field, int depth) {
  const JsonField list = field.At("decoders");
  if (!list.value().is_array()) return list.Error("must be a list");
  std::vector<std::unique_ptr<TokenDecoder>> parts;
  for (size_t i = 0; i < list.value().size(); ++i) {
    Parsed part = Parse(list.At(i), depth + 1);
    if (!part.ok()) return part.status();
    parts.push_back(*std::move(part));
  }
  return std::make_unique<ChainDecoder>(std::move(parts));
}

Parsed ParseMetaspace(const JsonField& field) {
  const absl::StatusOr<std::string> replacement = field.At("replacement").String();
  if (!replacement.ok()) return replacement.status();
  bool prepends = true;
  if (const JsonField scheme = field.At("prepend_scheme"); !scheme.is_null()) {
    const absl::StatusOr<std::string> name = scheme.String();
    if (!name.ok()) return name.status();
    prepends = *name != "never";
  } else {
    const absl::StatusOr<bool> flag = field.At("add_prefix_space").Bool(true);
    if (!flag.ok()) return flag.status();
    prepends = *flag;
  }
  return std::make_unique<MetaspaceDecoder>(*replacement, prepends);
}

Parsed ParseReplace(const JsonField& field) {
  const JsonField pattern = field.At("pattern");
  const bool literal = !pattern.At("String").is_null();
  const absl::StatusOr<std::string> text = pattern.At(literal ? "String" : "Regex").String();
  if (!text.ok()) return text.status();
  absl::StatusOr<Regex> regex = literal ? Regex::CompileLiteral(*text) : Regex::Compile(*text);
  if (!regex.ok()) return pattern.Error(std::string(regex.status().message()));
  const absl::StatusOr<std::string> content = field.At("content").String();
  if (!content.ok()) return content.status();
  return std::make_unique<ReplaceDecoder>(*std::move(regex), *content);
}

Parsed ParseStrip(const JsonField& field) {
  const absl::StatusOr<std::string> content = field.At("content").String();
  if (!content.ok()) return content.status();
  if (content->empty()) return field.At("content").Error("must be one character");
  const absl::StatusOr<int64_t> start = field.At("start").Integer(0, 1 << 20);
  if (!start.ok()) return start.status();
  const absl::StatusOr<int64_t> stop = field.At("stop").Integer(0, 1 << 20);
  if (!stop.ok()) return stop.status();
  return std::make_unique<StripDecoder>(*content, *start, *stop);
}

Parsed ParseCtc(const JsonField& field) {
  const absl::StatusOr<std::string> pad = field.At("pad_token").String();
  if (!pad.ok()) return pad.status();
  const absl::StatusOr<std::string> delimiter = field.At("word_delimiter_token").String();
  if (!delimiter.ok()) return delimiter.status();
  const absl::StatusOr<bool> cleanup = field.At("cleanup").Bool();
  if (!cleanup.ok()) return cleanup.status();
  return std::make_unique<CtcDecoder>(*pad, *delimiter, *cleanup);
}

Parsed Parse(const JsonField& field, int depth) {
  if (depth > kMaxDepth) return field.Error("is nested too deeply");
  const JsonField type = field.At("type");
  const absl::StatusOr<std::string> name = type.String();
  if (!name.ok()) return name.status();
  if (*name == "Sequence") return ParseSequence(field, depth);
  if (*name == "ByteLevel") return std::make_unique<ByteLevelDecoder>();
  if (*name == "ByteFallback") return std::make_unique<ByteFallbackDecoder>();
  if (*name == "Fuse") return std::make_unique<FuseDecoder>();
  if (*name == "Metaspace") return ParseMetaspace(field);
  if (*name == "Replace") return ParseReplace(field);
  if (*name == "Strip") return ParseStrip(field);
  if (*name == "CTC") return ParseCtc(field);
  if (*name == "BPEDecoder") {
    const absl::StatusOr<std::string> suffix = field.At("suffix").String();
    if (!suffix.ok()) return suffix.status();
    return std::make_unique<BpeDecoder>(*suffix);
  }
  if (*name == "WordPiece") {
    const absl::StatusOr<std::string> prefix = field.At("prefix").String();
    if (!prefix.ok()) return prefix.status();
    const absl::StatusOr<bool> cleanup = field.At("cleanup").Bool();
    if (!cleanup.ok()) return cleanup.status();
    return MakeWordPieceDecoder(*prefix, *cleanup);
  }
  return type.Error(absl::StrCat("'", *name,
                                 "' is not supported; supported are BPEDecoder, ByteFallback, "
                                 "ByteLevel, CTC, Fuse, Metaspace, Replace, Sequence, Strip, "
                                 "WordPiece"));
}

}  // namespace

Parsed ParseTokenDecoder(const JsonField& field) { return Parse(field, 0); }

std::unique_ptr<TokenDecoder> MakeWordPieceDecoder(const std::string& prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(prefix, cleanup);
}

std::string ToValidUtf8(const std::string& bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size();) {
    const std::string_view rest = std::string_view(bytes).substr(i);
    const size_t good = FirstInvalidUtf8(rest);
    text.append(rest.substr(0, good));
    i += good;
    if (i == bytes.size()) break;
    // The longest beginning of a character counts as one fault: it is the longest that some end
    // would make valid.
    size_t fault = 1;
    for (size_t length = 2; length <= 3 && i + length <= bytes.size(); ++length) {
      bool begins = false;
      for (const char* end : {"\x80", "\x80\x80", "\xBF", "\xBF\xBF"}) {
        const std::string tried = bytes.substr(i, length) + end;
        begins |= FirstInvalidUtf8(tried) == tried.size();
      }
      if (!begins) break;
      fault = length;
    }
    text += kReplacementCharacter;
    i += fault;
  }
  return text;
}

}  // namespace strata::models
