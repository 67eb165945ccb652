// JATS XML (journal articles) by expat, as a stream: nothing here depends on how deep it is nested.
// Debian builds expat with it; the header hides the limits on entities without.
#define XML_DTD 1
#include <expat.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/document/format_readers.h"
#include "models/document/html_entity.h"

namespace strata::models {
namespace {

enum class Role : uint8_t {
  kOther,          // a block: ends the paragraph before and after it
  kArticle,        // <article>
  kMeta,           // <article-meta>: of its children only title and abstract count
  kTitleGroup,     // <title-group>
  kDocumentTitle,  // <article-title> of the title group
  kSection,        // <sec>, <abstract>, <app>, <ack>, …
  kTitle,          // <title>: of a section, or the first words of a caption or list
  kInline,         // belongs to the words around it
  kCell,           // <td>, <th>
  kSkipped,        // with all it holds
};

// Sorted, for binary search.
constexpr std::string_view kInlineNames[] = {"abbrev",
                                             "bold",
                                             "chem-struct",
                                             "disp-formula",
                                             "email",
                                             "ext-link",
                                             "fixed-case",
                                             "inline-formula",
                                             "inline-graphic",
                                             "institution",
                                             "italic",
                                             "milestone-end",
                                             "milestone-start",
                                             "monospace",
                                             "named-content",
                                             "overline",
                                             "private-char",
                                             "roman",
                                             "ruby",
                                             "sans-serif",
                                             "sc",
                                             "strike",
                                             "styled-content",
                                             "sub",
                                             "sup",
                                             "underline",
                                             "uri",
                                             "xref"};
constexpr std::string_view kSkippedNames[] = {"aff",       "annotation",    "author-notes",
                                              "bio",       "contrib-group", "fn-group",
                                              "glossary",  "graphic",       "journal-meta",
                                              "label",     "media",         "notes",
                                              "object-id", "permissions",   "ref",
                                              "ref-list",  "response",      "rt",
                                              "sec-meta",  "sub-article",   "table-wrap-foot",
                                              "tex-math",  "trans-abstract"};
constexpr std::string_view kSectionNames[] = {"abstract", "ack", "app", "boxed-text", "sec"};

template <size_t N>
bool In(const std::string_view (&names)[N], std::string_view name) {
  return std::binary_search(std::begin(names), std::end(names), name);
}

Role RoleOf(std::string_view name, Role parent) {
  // MathML within a formula reads as its characters.
  const bool is_prefixed = name.find(':') != std::string_view::npos;
  const std::string_view local = is_prefixed ? name.substr(name.find(':') + 1) : name;
  if (In(kSkippedNames, local)) return Role::kSkipped;
  if (is_prefixed) return Role::kInline;
  if (name == "title-group") return Role::kTitleGroup;
  if (name == "article-title") {
    return parent == Role::kTitleGroup ? Role::kDocumentTitle : Role::kOther;
  }
  if (parent == Role::kMeta) return name == "abstract" ? Role::kSection : Role::kSkipped;
  if (parent == Role::kTitleGroup) return Role::kSkipped;
  if (In(kSectionNames, name)) return Role::kSection;
  if (In(kInlineNames, name)) return Role::kInline;
  if (name == "title") return Role::kTitle;
  if (name == "article") return Role::kArticle;
  if (name == "article-meta") return Role::kMeta;
  if (name == "td" || name == "th") return Role::kCell;
  if (name == "math") return Role::kInline;
  return Role::kOther;
}

class JatsReader {
 public:
  JatsReader(std::string_view text, DocumentBuilder& builder)
      : text_(text), builder_(builder), parser_(XML_ParserCreate("UTF-8"), &XML_ParserFree) {}

  absl::Status Read() {
    if (parser_ == nullptr) return absl::ResourceExhaustedError("JATS: no memory for the parser");
    XML_Parser parser = parser_.get();
    XML_SetUserData(parser, this);
    XML_SetElementHandler(
        parser,
        [](void* self, const XML_Char* name, const XML_Char**) {
          static_cast<JatsReader*>(self)->Start(name);
        },
        [](void* self, const XML_Char*) { static_cast<JatsReader*>(self)->End(); });
    XML_SetCharacterDataHandler(parser, [](void* self, const XML_Char* text, int size) {
      static_cast<JatsReader*>(self)->AddText({text, static_cast<size_t>(size)});
    });
    XML_SetSkippedEntityHandler(parser, [](void* self, const XML_Char* name, int is_parameter) {
      if (is_parameter == 0) static_cast<JatsReader*>(self)->AddUnknownEntity();
      (void)name;
    });
    XML_SetEntityDeclHandler(
        parser, [](void* self, const XML_Char* name, int, const XML_Char* value, int size,
                   const XML_Char*, const XML_Char*, const XML_Char*, const XML_Char*) {
          if (value == nullptr) return;
          static_cast<JatsReader*>(self)->CheckEntity(name, {value, static_cast<size_t>(size)});
        });
    XML_SetBillionLaughsAttackProtectionMaximumAmplification(parser, 10.0F);
    XML_SetBillionLaughsAttackProtectionActivationThreshold(parser, 1 << 20);
    const XML_Status rc = XML_Parse(parser, text_.data(), static_cast<int>(text_.size()), 1);
    if (!status_.ok()) return status_;
    if (!builder_.status().ok()) return builder_.status();
    if (rc != XML_STATUS_OK && !article_done_) return ParseError();
    if (!article_seen_) {
      return absl::InvalidArgumentError(
          "JATS: there is no <article> element; if this is another kind of XML, convert it to HTML "
          "or text first");
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ParseError() const {
    XML_Parser parser = parser_.get();
    return absl::InvalidArgumentError(
        absl::StrCat("JATS: line ", XML_GetCurrentLineNumber(parser), ", column ",
                     XML_GetCurrentColumnNumber(parser) + 1, " (byte ", Here().begin,
                     "): ", XML_ErrorString(XML_GetErrorCode(parser)), "; correct the XML"));
  }

  // Where the current event stands in the builder's source.
  ByteSpan Here() const {
    const int64_t size = static_cast<int64_t>(text_.size());
    const int64_t at = std::clamp<int64_t>(XML_GetCurrentByteIndex(parser_.get()), 0, size);
    const int64_t count = std::clamp<int64_t>(XML_GetCurrentByteCount(parser_.get()), 0, size - at);
    return builder_.PlaceOf(text_.substr(static_cast<size_t>(at), static_cast<size_t>(count)));
  }

  void Stop() { XML_StopParser(parser_.get(), XML_FALSE); }

  // Entities that refer to entities are the stuff of "billion laughs" and of deep recursion in
  // expat; no article needs them.
  void CheckEntity(std::string_view name, std::string_view value) {
    for (size_t at = value.find('&'); at != std::string_view::npos; at = value.find('&', at + 1)) {
      if (value.substr(at).starts_with("&#")) continue;
      status_ = absl::InvalidArgumentError(
          absl::StrCat("JATS: entity \"", std::string(name.substr(0, 64)),
                       "\" refers to other entities, which is not supported; expand it"));
      Stop();
      return;
    }
  }

  void Start(std::string_view name) {
    const Role parent = roles_.empty() ? Role::kOther : roles_.back();
    Role role = parent == Role::kSkipped ? Role::kSkipped : RoleOf(name, parent);
    if (role == Role::kArticle) {
      article_seen_ = true;
    } else if (!article_seen_) {
      role = Role::kOther;  // a wrapper around the article
    }
    // A table's <title> or a caption's is no section's.
    if (role == Role::kTitle && parent != Role::kSection) role = Role::kOther;
    roles_.push_back(role);
    switch (role) {
      case Role::kSection:
        builder_.EnterSection(Here());
        break;
      case Role::kDocumentTitle:
      case Role::kTitle:
        builder_.BeginHeading();
        break;
      case Role::kCell:
        builder_.AddSpace();
        break;
      case Role::kInline:
        if (name == "break") builder_.AddSpace();
        break;
      case Role::kSkipped:
        break;
      default:
        builder_.EndBlock();
    }
    if (!builder_.status().ok()) Stop();
  }

  void End() {
    const Role role = roles_.back();
    roles_.pop_back();
    switch (role) {
      case Role::kSection:
        builder_.Leave();
        break;
      case Role::kInline:
      case Role::kSkipped:
        break;
      case Role::kCell:
        builder_.AddSpace();
        break;
      case Role::kArticle:
        article_done_ = true;
        builder_.EndBlock();
        Stop();
        break;
      default:
        builder_.EndBlock();
    }
  }

  void AddText(std::string_view text) {
    if (!TextCounts()) return;
    const ByteSpan here = Here();
    const bool in_source =
        text.data() >= text_.data() && text.data() + text.size() <= text_.data() + text_.size();
    if (in_source) {
      builder_.AddText(text);
    } else {
      builder_.AddText(text, here);
    }
    if (!builder_.status().ok()) Stop();
  }

  // An entity of the JATS DTD, which is not read: its names are HTML's.
  void AddUnknownEntity() {
    if (!TextCounts()) return;
    const ByteSpan here = Here();
    const auto at = static_cast<size_t>(XML_GetCurrentByteIndex(parser_.get()));
    const std::string_view entity = EntityAt(text_.substr(std::min(at, text_.size())));
    if (!entity.empty()) builder_.AddText(entities_.Decode(entity), here);
  }

  bool TextCounts() const {
    if (!article_seen_ || article_done_ || roles_.empty()) return false;
    const Role role = roles_.back();
    return role != Role::kSkipped && role != Role::kMeta && role != Role::kTitleGroup &&
           role != Role::kArticle;
  }

  std::string_view text_;
  DocumentBuilder& builder_;
  std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser_;
  EntityDecoder entities_;
  std::vector<Role> roles_;  // of the open elements
  absl::Status status_;
  bool article_seen_ = false;
  bool article_done_ = false;
};

}  // namespace

absl::Status ReadJats(std::string_view text, DocumentBuilder& builder) {
  return JatsReader(text, builder).Read();
}

}  // namespace strata::models
