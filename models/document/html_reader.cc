// HTML by gumbo, whose text nodes point into the source. The walk is iterative and the tree lies in
// an arena: neither depends on how deep the elements are nested.
#include <gumbo.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "models/document/ascii_text.h"
#include "models/document/format_readers.h"
#include "models/document/html_entity.h"
#include "models/document/html_guard.h"

namespace strata::models {
namespace {

// Hands out memory and frees all of it at its end: gumbo's own release recurses.
class Arena {
 public:
  static void* Allocate(void* self, size_t size) {
    return static_cast<Arena*>(self)->Take((size + 15) / 16 * 16);
  }
  static void Release(void*, void*) {}

 private:
  void* Take(size_t size) {
    constexpr size_t kBlockBytes = 256 << 10;
    if (size > kBlockBytes / 4) return blocks_.emplace_back(new std::byte[size]).get();
    if (size > left_) {
      next_ = blocks_.emplace_back(new std::byte[kBlockBytes]).get();
      left_ = kBlockBytes;
    }
    std::byte* taken = next_;
    next_ += size;
    left_ -= size;
    return taken;
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* next_ = nullptr;
  size_t left_ = 0;
};

enum class Flow : uint8_t { kBlock, kInline, kSkipped, kCell, kLineBreak, kHeading };

Flow FlowOf(const GumboElement& element) {
  if (element.tag_namespace == GUMBO_NAMESPACE_SVG) return Flow::kSkipped;
  if (element.tag_namespace == GUMBO_NAMESPACE_MATHML) {
    const bool is_note = element.tag == GUMBO_TAG_UNKNOWN && element.original_tag.length > 11 &&
                         std::strncmp(element.original_tag.data, "<annotation", 11) == 0;
    return is_note ? Flow::kSkipped : Flow::kInline;
  }
  switch (element.tag) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_RT:
    case GUMBO_TAG_RP:
    case GUMBO_TAG_TITLE:
      return Flow::kSkipped;
    case GUMBO_TAG_H1:
    case GUMBO_TAG_H2:
    case GUMBO_TAG_H3:
    case GUMBO_TAG_H4:
    case GUMBO_TAG_H5:
    case GUMBO_TAG_H6:
      return Flow::kHeading;
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
      return Flow::kCell;
    case GUMBO_TAG_BR:
      return Flow::kLineBreak;
    case GUMBO_TAG_A:
    case GUMBO_TAG_ABBR:
    case GUMBO_TAG_ACRONYM:
    case GUMBO_TAG_B:
    case GUMBO_TAG_BDI:
    case GUMBO_TAG_BDO:
    case GUMBO_TAG_BIG:
    case GUMBO_TAG_CITE:
    case GUMBO_TAG_CODE:
    case GUMBO_TAG_DATA:
    case GUMBO_TAG_DEL:
    case GUMBO_TAG_DFN:
    case GUMBO_TAG_EM:
    case GUMBO_TAG_FONT:
    case GUMBO_TAG_I:
    case GUMBO_TAG_IMG:
    case GUMBO_TAG_INPUT:
    case GUMBO_TAG_INS:
    case GUMBO_TAG_KBD:
    case GUMBO_TAG_LABEL:
    case GUMBO_TAG_MARK:
    case GUMBO_TAG_NOBR:
    case GUMBO_TAG_Q:
    case GUMBO_TAG_RB:
    case GUMBO_TAG_RUBY:
    case GUMBO_TAG_S:
    case GUMBO_TAG_SAMP:
    case GUMBO_TAG_SMALL:
    case GUMBO_TAG_SPAN:
    case GUMBO_TAG_STRIKE:
    case GUMBO_TAG_STRONG:
    case GUMBO_TAG_SUB:
    case GUMBO_TAG_SUP:
    case GUMBO_TAG_TIME:
    case GUMBO_TAG_TT:
    case GUMBO_TAG_U:
    case GUMBO_TAG_UNKNOWN:
    case GUMBO_TAG_VAR:
    case GUMBO_TAG_WBR:
      return Flow::kInline;
    default:
      return Flow::kBlock;
  }
}

bool IsHidden(const GumboElement& element) {
  if (element.attributes.length == 0) return false;
  if (gumbo_get_attribute(&element.attributes, "hidden") != nullptr) return true;
  const GumboAttribute* aria = gumbo_get_attribute(&element.attributes, "aria-hidden");
  return aria != nullptr && std::strcmp(aria->value, "true") == 0;
}

// Calls `enter` before a node's children and `leave` after them; `enter` returning false skips
// them.
template <typename Enter, typename Leave>
void Walk(const GumboNode* root, Enter enter, Leave leave) {
  struct Place {
    const GumboNode* node;
    unsigned next_child;
  };
  std::vector<Place> places;
  const auto visit = [&](const GumboNode* node) {
    if (enter(*node) && node->type == GUMBO_NODE_ELEMENT) places.push_back({node, 0});
  };
  visit(root);
  while (!places.empty()) {
    Place& place = places.back();
    const GumboVector& children = place.node->v.element.children;
    if (place.next_child < children.length) {
      visit(static_cast<const GumboNode*>(children.data[place.next_child++]));
    } else {
      const GumboNode* node = place.node;
      places.pop_back();
      leave(*node);
    }
  }
}

class HtmlReader {
 public:
  explicit HtmlReader(DocumentBuilder& builder) : builder_(builder) {}

  void Read(const GumboNode* root) {
    AddTitle(root);
    Walk(
        root, [this](const GumboNode& node) { return Enter(node); },
        [this](const GumboNode& node) { Leave(node.v.element); });
  }

 private:
  // The page's <title> stands for the heading that a page without <h1> lacks.
  void AddTitle(const GumboNode* root) {
    const GumboNode* title = nullptr;
    bool has_h1 = false;
    Walk(
        root,
        [&](const GumboNode& node) {
          if (node.type != GUMBO_NODE_ELEMENT) return false;
          const GumboElement& element = node.v.element;
          if (element.tag == GUMBO_TAG_TITLE && title == nullptr &&
              element.tag_namespace == GUMBO_NAMESPACE_HTML) {
            title = &node;
          }
          if (element.tag == GUMBO_TAG_HEAD) return true;
          if (FlowOf(element) == Flow::kSkipped || IsHidden(element)) return false;
          has_h1 |= element.tag == GUMBO_TAG_H1;
          return !has_h1;
        },
        [](const GumboNode&) {});
    if (title == nullptr || has_h1) return;
    builder_.BeginHeading();
    const GumboVector& children = title->v.element.children;
    for (unsigned i = 0; i < children.length; ++i) {
      AddText(*static_cast<const GumboNode*>(children.data[i]));
    }
    builder_.EndBlock();
  }

  bool Enter(const GumboNode& node) {
    if (!builder_.status().ok()) return false;
    if (node.type != GUMBO_NODE_ELEMENT) {
      AddText(node);
      return false;
    }
    const GumboElement& element = node.v.element;
    const Flow flow = FlowOf(element);
    if (flow == Flow::kSkipped || IsHidden(element)) return false;
    if (flow == Flow::kLineBreak) {
      // Two in a row end a paragraph.
      if (after_line_break_ && !in_heading_) builder_.EndBlock();
      builder_.AddSpace();
      after_line_break_ = true;
      return false;
    }
    if (flow == Flow::kHeading) {
      const GumboStringPiece tag = element.original_tag;
      builder_.OpenSection(
          1 + static_cast<int32_t>(element.tag) - GUMBO_TAG_H1,
          tag.data == nullptr ? ByteSpan{} : builder_.PlaceOf({tag.data, tag.length}));
      builder_.BeginHeading();
      in_heading_ = true;
    } else {
      Boundary(element, flow);
    }
    return true;
  }

  void Leave(const GumboElement& element) {
    const Flow flow = FlowOf(element);
    if (flow == Flow::kHeading) {
      builder_.EndBlock();
      in_heading_ = false;
    } else {
      Boundary(element, flow);
    }
  }

  void Boundary(const GumboElement& element, Flow flow) {
    if (flow == Flow::kCell) {
      builder_.AddSpace();
    } else if (flow == Flow::kBlock) {
      if (in_heading_ && element.tag == GUMBO_TAG_DIV) {
        builder_.AddSpace();
        return;
      }
      builder_.EndBlock();
      in_heading_ = false;  // an <h1> that nobody closed does not title the whole page
    }
  }

  void AddText(const GumboNode& node) {
    if (node.type != GUMBO_NODE_TEXT && node.type != GUMBO_NODE_WHITESPACE &&
        node.type != GUMBO_NODE_CDATA) {
      return;
    }
    if (node.type != GUMBO_NODE_WHITESPACE) after_line_break_ = false;
    const GumboText& gumbo = node.v.text;
    std::string_view source(gumbo.original_text.data, gumbo.original_text.length);
    std::string_view text(gumbo.text);
    if (text == source) {
      builder_.AddText(source);
      return;
    }
    AddDecoded(text, source);
  }

  // Follows decoded text along its source: entities, line ends, and tags that the parser ignored.
  void AddDecoded(std::string_view text, std::string_view source) {
    const auto take = [](std::string_view& view, size_t size) {
      const std::string_view taken = view.substr(0, size);
      view.remove_prefix(taken.size());
      return taken;
    };
    while (!text.empty() && !source.empty()) {
      size_t same = 0;
      const size_t limit = std::min(text.size(), source.size());
      while (same < limit && text[same] == source[same] && source[same] != '&') ++same;
      if (same > 0) {
        builder_.AddText(take(source, same));
        take(text, same);
        continue;
      }
      if (source[0] == '&') {
        std::string_view entity = EntityAt(source);
        if (entity.empty()) entity = source.substr(0, 1);
        const std::string& decoded = entities_.Decode(entity);
        if (!text.starts_with(decoded) && !(decoded == " " && IsSpaceAscii(text[0]))) break;
        if (decoded == entity) {
          builder_.AddText(entity);
        } else {
          builder_.AddText(text.substr(0, decoded.size()), builder_.PlaceOf(entity));
        }
        take(text, decoded.size());
        take(source, entity.size());
      } else if (source[0] == '\r' || source[0] == '\n') {
        // "\r\n" is one line feed to gumbo, and the first one after <pre> is none.
        if (source[0] == '\r' && text[0] == '\n' && !source.starts_with("\r\n")) take(text, 1);
        builder_.AddText(take(source, 1));
      } else if (source[0] == '<') {
        take(source, std::min(source.find('>'), source.size() - 1) + 1);
      } else {
        break;
      }
    }
    // Whatever is left goes in with its place as a whole.
    if (!text.empty()) builder_.AddText(text, builder_.PlaceOf(source));
  }

  DocumentBuilder& builder_;
  EntityDecoder entities_;
  bool in_heading_ = false;
  bool after_line_break_ = false;
};

}  // namespace

absl::Status ReadHtml(std::string_view text, const ReaderLimits& limits, DocumentBuilder& builder) {
  if (absl::Status status = CheckHtmlCost(text, limits.max_nodes); !status.ok()) return status;
  Arena arena;
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = Arena::Allocate;
  options.deallocator = Arena::Release;
  options.userdata = &arena;
  options.max_errors = 0;
  const GumboOutput* output = gumbo_parse_with_options(&options, text.data(), text.size());
  HtmlReader(builder).Read(output->root);
  return builder.status();
}

}  // namespace strata::models
