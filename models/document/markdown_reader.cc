// Markdown by md4c: its callbacks hand out pointers into the source, so places are exact.
#include <md4c.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "models/document/ascii_text.h"
#include "models/document/format_readers.h"
#include "models/document/html_entity.h"
#include "models/document/markdown_guard.h"

namespace strata::models {
namespace {

class MarkdownReader {
 public:
  MarkdownReader(std::string_view text, DocumentBuilder& builder)
      : text_(text), parsed_(text), builder_(builder) {
    // At an open link at the end, md4c 0.4.8 goes on into what lies behind the text; not behind a
    // line's end.
    if (text_.ends_with('\n')) return;
    closed_.reserve(text_.size() + 1);
    closed_.append(text_).push_back('\n');
    parsed_ = closed_;
  }

  absl::Status Read() {
    MD_PARSER parser = {};
    parser.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS;
    parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* self) {
      return static_cast<MarkdownReader*>(self)->EnterBlock(type, detail);
    };
    parser.leave_block = [](MD_BLOCKTYPE type, void*, void* self) {
      return static_cast<MarkdownReader*>(self)->LeaveBlock(type);
    };
    parser.enter_span = [](MD_SPANTYPE type, void*, void* self) {
      if (type == MD_SPAN_IMG) ++static_cast<MarkdownReader*>(self)->images_;
      return 0;
    };
    parser.leave_span = [](MD_SPANTYPE type, void*, void* self) {
      if (type == MD_SPAN_IMG) --static_cast<MarkdownReader*>(self)->images_;
      return 0;
    };
    parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* self) {
      auto* const reader = static_cast<MarkdownReader*>(self);
      return reader->AddText(type, reader->InText({text, size}));
    };
    const int rc = md_parse(parsed_.data(), static_cast<MD_SIZE>(parsed_.size()), &parser, this);
    if (!builder_.status().ok()) return builder_.status();
    if (rc != 0) return absl::ResourceExhaustedError("Markdown: the parser ran out of memory");
    return absl::OkStatus();
  }

 private:
  // The same bytes of the source, where md4c was given a copy; what is md4c's own stays as it is.
  std::string_view InText(std::string_view piece) const {
    const std::less_equal<const char*> before;  // pointers into different memory
    const char* const end = parsed_.data() + text_.size();
    if (!before(parsed_.data(), piece.data()) || !before(piece.data() + piece.size(), end)) {
      return piece;
    }
    return text_.substr(static_cast<size_t>(piece.data() - parsed_.data()), piece.size());
  }

  int Done() const { return builder_.status().ok() ? 0 : 1; }

  int EnterBlock(MD_BLOCKTYPE type, void* detail) {
    switch (type) {
      case MD_BLOCK_TD:
      case MD_BLOCK_TH:
        builder_.AddSpace();
        return Done();
      case MD_BLOCK_QUOTE:
      case MD_BLOCK_LI:
        ++containers_;
        builder_.EndBlock();
        return Done();
      case MD_BLOCK_H:
        // A heading in a quote or a list is none of this document's.
        if (containers_ == 0) {
          builder_.OpenSection(
              static_cast<int32_t>(static_cast<const MD_BLOCK_H_DETAIL*>(detail)->level));
          builder_.BeginHeading();
          return Done();
        }
        break;
      case MD_BLOCK_HTML:
        html_ = Html::kText;
        break;
      default:
        break;
    }
    builder_.EndBlock();
    return Done();
  }

  int LeaveBlock(MD_BLOCKTYPE type) {
    if (type == MD_BLOCK_TD || type == MD_BLOCK_TH) return Done();
    if (type == MD_BLOCK_QUOTE || type == MD_BLOCK_LI) --containers_;
    builder_.EndBlock();
    return Done();
  }

  int AddText(MD_TEXTTYPE type, std::string_view piece) {
    if (images_ > 0) return Done();
    switch (type) {
      case MD_TEXT_BR:
      case MD_TEXT_SOFTBR:
        builder_.AddSpace();
        break;
      case MD_TEXT_ENTITY: {
        const std::string& decoded = entities_.Decode(piece);
        if (decoded == piece) {
          builder_.AddText(piece);
        } else {
          builder_.AddText(decoded, builder_.PlaceOf(piece));
        }
        break;
      }
      case MD_TEXT_HTML:
        AddHtml(piece);
        break;
      default:
        if (piece.data() >= text_.data() && piece.data() + piece.size() <= End()) {
          builder_.AddText(piece);
        } else {
          builder_.AddSpace();  // md4c's own: a line end or indentation of a code block
        }
    }
    return Done();
  }

  const char* End() const { return text_.data() + text_.size(); }

  // Raw HTML comes line by line, or tag by tag inside a paragraph: its text without tags, comments,
  // scripts and styles.
  void AddHtml(std::string_view piece) {
    if (piece.data() < text_.data() || piece.data() + piece.size() > End()) {
      builder_.AddSpace();
      return;
    }
    while (!piece.empty()) {
      switch (html_) {
        case Html::kText: {
          const size_t tag = std::min(piece.find('<'), piece.size());
          builder_.AddText(piece.substr(0, tag));
          piece.remove_prefix(tag);
          if (piece.empty()) break;
          html_ = piece.starts_with("<!--")                  ? Html::kComment
                  : StartsWithIgnoringCase(piece, "<script") ? Html::kScript
                  : StartsWithIgnoringCase(piece, "<style")  ? Html::kStyle
                                                             : Html::kTag;
          break;
        }
        case Html::kTag:
          SkipPast(piece, ">");
          break;
        case Html::kComment:
          SkipPast(piece, "-->");
          break;
        case Html::kScript:
          SkipPast(piece, "</script>");
          break;
        case Html::kStyle:
          SkipPast(piece, "</style>");
          break;
      }
    }
  }

  void SkipPast(std::string_view& piece, std::string_view end) {
    const size_t at = piece.find(end);
    if (at == std::string_view::npos) {
      piece = {};
      return;
    }
    piece.remove_prefix(at + end.size());
    builder_.AddSpace();
    html_ = Html::kText;
  }

  enum class Html : uint8_t { kText, kTag, kComment, kScript, kStyle };

  const std::string_view text_;
  std::string closed_;       // a copy that ends with a line's end, where the text does not
  std::string_view parsed_;  // what md4c reads: text_ or closed_
  DocumentBuilder& builder_;
  EntityDecoder entities_;
  int64_t containers_ = 0;
  int64_t images_ = 0;
  Html html_ = Html::kText;
};

// A YAML block between two lines "---" at the very start is about the document, not of it.
std::string_view WithoutFrontMatter(std::string_view text) {
  constexpr size_t kMostBytes = 64 << 10;
  const std::string_view start = text.substr(0, kMostBytes);
  if (!start.starts_with("---\n") && !start.starts_with("---\r\n")) return text;
  size_t at = start.find('\n') + 1;
  while (at < start.size()) {
    const size_t end = std::min(start.find('\n', at), start.size());
    const std::string_view line = StripTrailingSpace(start.substr(at, end - at));
    if (line == "---" || line == "...") return text.substr(std::min(end + 1, text.size()));
    // Not YAML: a rule, then text.
    if (line.empty()) return text;
    at = end + 1;
  }
  return text;
}

}  // namespace

absl::Status ReadMarkdown(std::string_view text, DocumentBuilder& builder) {
  text = WithoutFrontMatter(text);
  if (absl::Status status = CheckMarkdownCost(text); !status.ok()) return status;
  return MarkdownReader(text, builder).Read();
}

}  // namespace strata::models
