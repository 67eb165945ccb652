#include "models/document/html_guard.h"

#include <gumbo.h>

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/document/ascii_text.h"

namespace strata::models {
namespace {

// A step is one element that gumbo looks at, some 4 ns: two seconds for any text and 0.2 µs for
// each byte.
constexpr int64_t kFreeSteps = 500'000'000;
constexpr int64_t kStepsPerByte = 50;

enum TagTrait : uint16_t {
  kVoid = 1,          // never on the stack
  kFormatting = 2,    // opened anew in the next block if not closed
  kPhrasing = 4,      // not "special" in the standard's words: any end tag looks past it
  kClosesP = 8,       // its start tag ends an open <p>
  kBarrier = 16,      // no end tag reaches past it
  kMarker = 32,       // unclosed formatting inside ends with it
  kRawText = 64,      // its content is text up to its end tag
  kNotStacked = 128,  // <html>, <body>, …: one of each
  kHeadingTag = 256,
};
using Traits = std::array<uint16_t, GUMBO_TAG_LAST + 1>;

const Traits& AllTraits() {
  static const Traits traits = [] {
    Traits t{};
    const auto set = [&t](uint16_t trait, std::initializer_list<GumboTag> tags) {
      for (GumboTag tag : tags) t[tag] |= trait;
    };
    set(kVoid, {GUMBO_TAG_AREA, GUMBO_TAG_BASE, GUMBO_TAG_BR, GUMBO_TAG_COL, GUMBO_TAG_EMBED,
                GUMBO_TAG_HR, GUMBO_TAG_IMG, GUMBO_TAG_INPUT, GUMBO_TAG_LINK, GUMBO_TAG_META,
                GUMBO_TAG_PARAM, GUMBO_TAG_SOURCE, GUMBO_TAG_TRACK, GUMBO_TAG_WBR});
    set(kFormatting | kPhrasing,
        {GUMBO_TAG_A, GUMBO_TAG_B, GUMBO_TAG_BIG, GUMBO_TAG_CODE, GUMBO_TAG_EM, GUMBO_TAG_FONT,
         GUMBO_TAG_I, GUMBO_TAG_NOBR, GUMBO_TAG_S, GUMBO_TAG_SMALL, GUMBO_TAG_STRIKE,
         GUMBO_TAG_STRONG, GUMBO_TAG_TT, GUMBO_TAG_U});
    set(kPhrasing, {GUMBO_TAG_SPAN, GUMBO_TAG_ABBR, GUMBO_TAG_CITE, GUMBO_TAG_SUB, GUMBO_TAG_SUP,
                    GUMBO_TAG_Q, GUMBO_TAG_VAR, GUMBO_TAG_SAMP, GUMBO_TAG_KBD, GUMBO_TAG_DEL,
                    GUMBO_TAG_INS, GUMBO_TAG_LABEL, GUMBO_TAG_MARK, GUMBO_TAG_TIME, GUMBO_TAG_DFN,
                    GUMBO_TAG_ACRONYM, GUMBO_TAG_UNKNOWN});
    set(kHeadingTag | kClosesP,
        {GUMBO_TAG_H1, GUMBO_TAG_H2, GUMBO_TAG_H3, GUMBO_TAG_H4, GUMBO_TAG_H5, GUMBO_TAG_H6});
    set(kClosesP, {GUMBO_TAG_ADDRESS,   GUMBO_TAG_ARTICLE, GUMBO_TAG_ASIDE,   GUMBO_TAG_BLOCKQUOTE,
                   GUMBO_TAG_CENTER,    GUMBO_TAG_DIV,     GUMBO_TAG_DL,      GUMBO_TAG_FIELDSET,
                   GUMBO_TAG_FIGURE,    GUMBO_TAG_FOOTER,  GUMBO_TAG_HEADER,  GUMBO_TAG_MAIN,
                   GUMBO_TAG_NAV,       GUMBO_TAG_OL,      GUMBO_TAG_P,       GUMBO_TAG_SECTION,
                   GUMBO_TAG_UL,        GUMBO_TAG_PRE,     GUMBO_TAG_LI,      GUMBO_TAG_DD,
                   GUMBO_TAG_DT,        GUMBO_TAG_FORM,    GUMBO_TAG_DETAILS, GUMBO_TAG_SUMMARY,
                   GUMBO_TAG_FIGCAPTION});
    set(kBarrier,
        {GUMBO_TAG_TABLE, GUMBO_TAG_TD, GUMBO_TAG_TH, GUMBO_TAG_CAPTION, GUMBO_TAG_TEMPLATE,
         GUMBO_TAG_APPLET, GUMBO_TAG_MARQUEE, GUMBO_TAG_OBJECT, GUMBO_TAG_BUTTON, GUMBO_TAG_SELECT,
         GUMBO_TAG_SVG, GUMBO_TAG_MATH, GUMBO_TAG_FOREIGNOBJECT, GUMBO_TAG_DESC});
    set(kMarker, {GUMBO_TAG_TD, GUMBO_TAG_TH, GUMBO_TAG_CAPTION, GUMBO_TAG_APPLET,
                  GUMBO_TAG_MARQUEE, GUMBO_TAG_OBJECT});
    set(kRawText,
        {GUMBO_TAG_SCRIPT, GUMBO_TAG_STYLE, GUMBO_TAG_TEXTAREA, GUMBO_TAG_TITLE, GUMBO_TAG_XMP,
         GUMBO_TAG_IFRAME, GUMBO_TAG_NOEMBED, GUMBO_TAG_NOFRAMES, GUMBO_TAG_PLAINTEXT});
    set(kNotStacked, {GUMBO_TAG_HTML, GUMBO_TAG_HEAD, GUMBO_TAG_BODY});
    return t;
  }();
  return traits;
}

struct Tag {
  GumboTag tag = GUMBO_TAG_UNKNOWN;
  size_t hash = 0;  // of the name if unknown; of the whole tag if formatting
  bool is_end = false;
  int64_t num_attributes = 0;
  size_t size = 0;  // bytes from '<' past '>'
};

// The tag at the start of `text` ('<' or "</", then a letter), attribute values in quotes skipped.
Tag ScanTag(std::string_view text) {
  Tag tag;
  tag.is_end = text[1] == '/';
  size_t i = tag.is_end ? 2 : 1;
  const size_t name = i;
  const auto at_space = [&] { return IsSpaceAscii(text[i]); };
  while (i < text.size() && !at_space() && text[i] != '/' && text[i] != '>') ++i;
  tag.tag = gumbo_tagn_enum(text.data() + name, static_cast<unsigned>(i - name));
  if (tag.tag == GUMBO_TAG_UNKNOWN) {
    std::string lower(text.substr(name, i - name));
    std::transform(lower.begin(), lower.end(), lower.begin(), ToLowerAscii);
    tag.hash = std::hash<std::string>()(lower);
  }
  while (i < text.size() && text[i] != '>') {
    while (i < text.size() && (at_space() || text[i] == '/')) ++i;
    if (i == text.size() || text[i] == '>') break;
    ++tag.num_attributes;
    ++i;  // the standard takes any first character, '=' too, into the name
    while (i < text.size() && !at_space() && text[i] != '/' && text[i] != '>' && text[i] != '=') {
      ++i;
    }
    while (i < text.size() && at_space()) ++i;
    if (i == text.size() || text[i] != '=') continue;
    ++i;
    while (i < text.size() && at_space()) ++i;
    if (i < text.size() && (text[i] == '"' || text[i] == '\'')) {
      const size_t quote = text.find(text[i], i + 1);
      i = quote == std::string_view::npos ? text.size() : quote + 1;
    } else {
      while (i < text.size() && !at_space() && text[i] != '>') ++i;
    }
  }
  tag.size = std::min(i + 1, text.size());
  if ((AllTraits()[tag.tag] & kFormatting) != 0) {
    tag.hash = std::hash<std::string_view>()(text.substr(0, tag.size));
  }
  return tag;
}

// Follows the stack of open elements.
class CostModel {
 public:
  int64_t steps() const { return steps_; }
  int64_t tags() const { return tags_; }

  // `may_be_text`: inside a script or the like, where a start tag may count and an end tag may not.
  // One walk over the whole stack is allowed for each tag; those below are shorter.
  void See(const Tag& tag, bool may_be_text) {
    steps_ += 1 + static_cast<int64_t>(stack_.size()) + tag.num_attributes * tag.num_attributes;
    if (tag.is_end) {
      if (!may_be_text) End(tag);
      return;
    }
    ++tags_;
    const uint16_t traits = AllTraits()[tag.tag];
    if ((traits & kNotStacked) != 0) return;
    if (!may_be_text) Imply(tag.tag, traits);
    if ((traits & (kPhrasing | kVoid)) != 0) SeeText();
    if ((traits & kVoid) == 0) stack_.push_back({tag.tag, tag.hash});
  }

  // Text opens the unclosed formatting elements of earlier blocks again.
  void SeeText() {
    if (unclosed_.empty()) return;
    tags_ += static_cast<int64_t>(unclosed_.size());
    steps_ += static_cast<int64_t>(unclosed_.size() * (unclosed_.size() + stack_.size()));
    stack_.insert(stack_.end(), unclosed_.begin(), unclosed_.end());
    unclosed_.clear();
  }

 private:
  struct Open {
    GumboTag tag;
    size_t hash;
  };

  // What a start tag ends.
  void Imply(GumboTag tag, uint16_t traits) {
    if ((traits & kClosesP) != 0) {
      PopThrough([](GumboTag t) { return t == GUMBO_TAG_P; }, kBarrier);
    }
    const auto pop_top = [&](auto&& test) {
      if (!stack_.empty() && test(stack_.back().tag)) PopTo(stack_.size() - 1, false);
    };
    switch (tag) {
      case GUMBO_TAG_LI:
        PopItem([](GumboTag t) { return t == GUMBO_TAG_LI; });
        break;
      case GUMBO_TAG_DD:
      case GUMBO_TAG_DT:
        PopItem([](GumboTag t) { return t == GUMBO_TAG_DD || t == GUMBO_TAG_DT; });
        break;
      case GUMBO_TAG_OPTION:
      case GUMBO_TAG_OPTGROUP:
        pop_top([](GumboTag t) { return t == GUMBO_TAG_OPTION; });
        break;
      case GUMBO_TAG_TD:
      case GUMBO_TAG_TH:
        PopInTable([](GumboTag t) { return t == GUMBO_TAG_TD || t == GUMBO_TAG_TH; });
        break;
      case GUMBO_TAG_TR:
        PopInTable([](GumboTag t) { return t == GUMBO_TAG_TR; });
        break;
      case GUMBO_TAG_TBODY:
      case GUMBO_TAG_THEAD:
      case GUMBO_TAG_TFOOT:
        PopInTable([](GumboTag t) {
          return t == GUMBO_TAG_TBODY || t == GUMBO_TAG_THEAD || t == GUMBO_TAG_TFOOT;
        });
        break;
      case GUMBO_TAG_A:
        PopPhrasing(GUMBO_TAG_A, 0);
        break;
      default:
        if ((traits & kHeadingTag) != 0) {
          pop_top([](GumboTag t) { return (AllTraits()[t] & kHeadingTag) != 0; });
        }
    }
  }

  void End(const Tag& tag) {
    const uint16_t traits = AllTraits()[tag.tag];
    if ((traits & (kVoid | kNotStacked)) != 0) return;
    if ((traits & kPhrasing) != 0) {
      PopPhrasing(tag.tag, (traits & kFormatting) != 0 ? 0 : tag.hash);
      return;
    }
    switch (tag.tag) {
      case GUMBO_TAG_FORM:
        if (!stack_.empty() && stack_.back().tag == GUMBO_TAG_FORM) stack_.pop_back();
        break;
      case GUMBO_TAG_LI:
        PopItem([](GumboTag t) { return t == GUMBO_TAG_LI; });
        break;
      case GUMBO_TAG_TD:
      case GUMBO_TAG_TH:
      case GUMBO_TAG_TR:
      case GUMBO_TAG_TBODY:
      case GUMBO_TAG_THEAD:
      case GUMBO_TAG_TFOOT:
      case GUMBO_TAG_CAPTION:
      case GUMBO_TAG_TABLE:
        PopInTable([&](GumboTag t) { return t == tag.tag; });
        break;
      default:
        if ((traits & kHeadingTag) != 0) {
          PopThrough([](GumboTag t) { return (AllTraits()[t] & kHeadingTag) != 0; }, kBarrier);
        } else {
          PopThrough([&](GumboTag t) { return t == tag.tag; }, kBarrier);
        }
    }
  }

  // Pops up to and with the innermost element that `wanted` names, unless one with a trait in
  // `stop` stands above it.
  template <typename Wanted>
  void PopThrough(Wanted wanted, uint16_t stop) {
    for (size_t i = stack_.size(); i-- > 0;) {
      if (wanted(stack_[i].tag)) return PopTo(i, false);
      if ((AllTraits()[stack_[i].tag] & stop) != 0) return;
    }
  }
  template <typename Wanted>
  void PopItem(Wanted wanted) {
    for (size_t i = stack_.size(); i-- > 0;) {
      const GumboTag tag = stack_[i].tag;
      if (wanted(tag)) return PopTo(i, false);
      const bool passes = tag == GUMBO_TAG_P || tag == GUMBO_TAG_DIV || tag == GUMBO_TAG_ADDRESS ||
                          (AllTraits()[tag] & kPhrasing) != 0;
      if (!passes) return;
    }
  }
  template <typename Wanted>
  void PopInTable(Wanted wanted) {
    for (size_t i = stack_.size(); i-- > 0;) {
      const GumboTag tag = stack_[i].tag;
      if (wanted(tag)) return PopTo(i, false);
      if (tag == GUMBO_TAG_TABLE || tag == GUMBO_TAG_TEMPLATE || tag == GUMBO_TAG_SELECT ||
          tag == GUMBO_TAG_SVG || tag == GUMBO_TAG_MATH) {
        return;
      }
    }
  }
  void PopPhrasing(GumboTag tag, size_t hash) {
    for (size_t i = stack_.size(); i-- > 0;) {
      const bool same = stack_[i].tag == tag && (hash == 0 || stack_[i].hash == hash);
      if (same) return PopTo(i, true);
      if ((AllTraits()[stack_[i].tag] & kPhrasing) == 0) break;
    }
    const auto unclosed = std::find_if(unclosed_.rbegin(), unclosed_.rend(),
                                       [&](const Open& open) { return open.tag == tag; });
    steps_ += static_cast<int64_t>(unclosed_.size());
    if (unclosed != unclosed_.rend()) unclosed_.erase(std::next(unclosed).base());
  }

  // Formatting elements among the popped ones stay unclosed, three of a kind at most, unless they
  // stood in a table cell or the like that is popped with them.
  void PopTo(size_t size, bool last_is_closed) {
    const size_t old_unclosed = unclosed_.size();
    for (size_t i = stack_.size(); i-- > size;) {
      const uint16_t traits = AllTraits()[stack_[i].tag];
      if ((traits & kMarker) != 0) unclosed_.resize(std::min(old_unclosed, unclosed_.size()));
      if ((traits & kFormatting) == 0 || (last_is_closed && i == size)) continue;
      const auto alike = std::count_if(unclosed_.begin(), unclosed_.end(), [&](const Open& open) {
        return open.hash == stack_[i].hash;
      });
      steps_ += static_cast<int64_t>(unclosed_.size());
      if (alike < 3) unclosed_.push_back(stack_[i]);
    }
    stack_.resize(size);
  }

  std::vector<Open> stack_;
  std::vector<Open> unclosed_;
  int64_t steps_ = 0;
  int64_t tags_ = 0;
};

// Where the content of a raw text element that begins at `begin` ends. A script goes on past its
// end tag inside "<!--"; the longer reading is taken.
size_t EndOfRawText(std::string_view text, size_t begin, GumboTag tag) {
  const std::string end_tag = absl::StrCat("</", gumbo_normalized_tagname(tag));
  size_t end = std::min(FindIgnoringCase(text, end_tag, begin), text.size());
  if (tag != GUMBO_TAG_SCRIPT) return end;
  size_t comment = text.substr(0, end).rfind("<!--");
  while (comment != std::string_view::npos && comment >= begin && end < text.size()) {
    const size_t close = text.find("-->", comment);
    if (close == std::string_view::npos) return text.size();
    if (close < end) break;
    begin = close;
    end = std::min(FindIgnoringCase(text, end_tag, begin), text.size());
    comment = text.substr(begin, end - begin).rfind("<!--");
    if (comment != std::string_view::npos) comment += begin;
  }
  return end;
}

// Past a "<!--" comment.
size_t EndOfComment(std::string_view text, size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("<!-->")) return at + 5;
  if (rest.starts_with("<!--->")) return at + 6;
  const size_t plain = text.find("-->", at + 4);
  const size_t limit = std::min(plain, text.size());
  const size_t bang = text.substr(0, limit).find("--!>", at + 4);
  if (bang != std::string_view::npos) return bang + 4;
  return plain == std::string_view::npos ? text.size() : plain + 3;
}

}  // namespace

absl::Status CheckHtmlCost(std::string_view text, int64_t max_tags) {
  const int64_t max_steps = kFreeSteps + kStepsPerByte * static_cast<int64_t>(text.size());
  CostModel model;
  size_t text_until = 0;  // inside raw text
  size_t last = 0;
  for (size_t at = text.find('<'); at < text.size(); at = text.find('<', at)) {
    if (at > last) model.SeeText();
    const bool may_be_text = at < text_until;
    const std::string_view rest = text.substr(at);
    const size_t letter = rest.starts_with("</") ? 2 : 1;
    if (rest.size() > letter && IsLetterAscii(rest[letter])) {
      const Tag tag = ScanTag(rest);
      model.See(tag, may_be_text);
      // Quotes are no quotes in raw text: go on right behind the name.
      at += may_be_text ? letter : tag.size;
      if (!may_be_text && !tag.is_end && (AllTraits()[tag.tag] & kRawText) != 0) {
        text_until = EndOfRawText(text, at, tag.tag);
      }
    } else if (may_be_text) {
      ++at;
    } else if (rest.starts_with("<!--")) {
      at = EndOfComment(text, at);
    } else if (rest.starts_with("<![CDATA[")) {
      text_until = std::min(text.find("]]>", at), text.size());
      ++at;
    } else if (rest.starts_with("<!") || rest.starts_with("<?") || letter == 2) {
      const size_t end = text.find('>', at);
      at = end == std::string_view::npos ? text.size() : end + 1;
    } else {
      ++at;
    }
    last = at;
    if (model.tags() > max_tags) {
      return absl::ResourceExhaustedError(absl::StrCat("HTML: more than max_nodes = ", max_tags,
                                                       " elements up to byte ", at,
                                                       "; split the document or raise the limit"));
    }
    if (model.steps() > max_steps) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "HTML: up to byte ", at,
          " elements are nested so deep, or so many formatting elements or attributes are left "
          "open, that reading would take more than linear time; close the elements"));
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::models
