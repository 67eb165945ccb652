#include "models/document/document_test_checks.h"

#include <simdjson.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

bool IsLeaf(const Node& node) {
  return node.kind == NodeKind::kHeading || node.kind == NodeKind::kSentence;
}

bool Holds(ByteSpan outer, ByteSpan inner) {
  return outer.begin <= inner.begin && inner.begin <= inner.end && inner.end <= outer.end;
}

bool CutsCharacter(std::string_view text, int64_t at) {
  return at < static_cast<int64_t>(text.size()) &&
         (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

std::string BrokenPlace(const std::vector<Node>& nodes, size_t i) {
  const Node& node = nodes[i];
  if (node.parent < 0 || node.parent >= static_cast<int32_t>(i)) return "parent out of order";
  const Node& parent = nodes[node.parent];
  if (node.level != parent.level + 1) return "level";
  int32_t ancestor = static_cast<int32_t>(i) - 1;
  while (ancestor > node.parent) ancestor = nodes[ancestor].parent;
  if (ancestor != node.parent) return "not in preorder";
  if (IsLeaf(parent)) return "a leaf has a child";
  if (!Holds(parent.text, node.text)) return "text outside the parent's";
  if (!Holds(parent.source, node.source)) return "source outside the parent's";
  switch (node.kind) {
    case NodeKind::kDocument:
      return "a second document";
    case NodeKind::kSentence:
      return parent.kind == NodeKind::kParagraph ? "" : "sentence outside a paragraph";
    case NodeKind::kHeading:
      if (parent.kind == NodeKind::kParagraph) return "heading in a paragraph";
      return node.parent + 1 == static_cast<int32_t>(i) ? "" : "heading is not the first child";
    case NodeKind::kSection:
      return parent.kind == NodeKind::kParagraph ? "section in a paragraph" : "";
    case NodeKind::kParagraph:
      if (parent.kind == NodeKind::kParagraph) return "paragraph in a paragraph";
      return i + 1 < nodes.size() && nodes[i + 1].parent == static_cast<int32_t>(i)
                 ? ""
                 : "empty paragraph";
    case NodeKind::kToken:
      return "token in a tree that no tokenizer saw";
  }
  return "unknown kind";
}

std::string BrokenLeaf(const DocumentTree& tree, const Node& leaf, std::string_view source) {
  const std::string_view text = tree.TextOf(leaf);
  if (CutsCharacter(tree.text(), leaf.text.begin) || CutsCharacter(tree.text(), leaf.text.end)) {
    return "text cuts a character";
  }
  if (CutsCharacter(source, leaf.source.begin) || CutsCharacter(source, leaf.source.end)) {
    return "source cuts a character";
  }
  if (!text.empty() && !(tree.ToSource(leaf.text) == leaf.source)) return "source is not the map's";
  for (int64_t i = 0; i < leaf.text.size(); ++i) {
    const int64_t at = leaf.text.begin + i;
    const ByteSpan place = tree.ToSource({at, at + 1});
    if (!Holds(leaf.source, place)) return absl::StrCat("byte ", i, " stands outside the leaf");
    // Several bytes of text for one of the source stand for it: U+FFFD for a control character.
    const bool shared = (at > leaf.text.begin && tree.ToSource({at - 1, at}) == place) ||
                        (at + 1 < leaf.text.end && tree.ToSource({at + 1, at + 2}) == place);
    const bool copied = place.size() == 1 && !shared;
    if (copied && text[i] != ' ' && text[i] != source[place.begin]) {
      return absl::StrCat("byte ", i, " differs from its source");
    }
  }
  return "";
}

}  // namespace

std::string Outline(const DocumentTree& tree) {
  std::string out;
  std::vector<int32_t> open;
  const auto close = [&] {
    const NodeKind kind = tree.nodes()[open.back()].kind;
    if (kind == NodeKind::kSection) out += ']';
    if (kind == NodeKind::kParagraph) out += '}';
    open.pop_back();
  };
  for (size_t i = 0; i < tree.nodes().size(); ++i) {
    const Node& node = tree.nodes()[i];
    while (!open.empty() && open.back() != node.parent) close();
    const std::string text(IsLeaf(node) ? tree.TextOf(node) : "");
    if (node.kind == NodeKind::kHeading) out += "(" + text + ")";
    if (node.kind == NodeKind::kSection) out += '[';
    if (node.kind == NodeKind::kParagraph) out += '{';
    if (node.kind == NodeKind::kSentence) {
      if (tree.nodes()[i - 1].kind == NodeKind::kSentence) out += '|';
      out += text;
    }
    if (!IsLeaf(node)) open.push_back(static_cast<int32_t>(i));
  }
  while (!open.empty()) close();
  return out;
}

std::string BrokenLaw(const DocumentTree& tree, std::string_view source) {
  const std::vector<Node>& nodes = tree.nodes();
  const auto source_size = static_cast<int64_t>(source.size());
  const auto text_size = static_cast<int64_t>(tree.text().size());
  if (nodes.empty() || nodes[0].kind != NodeKind::kDocument || nodes[0].parent != -1) {
    return "no document at node 0";
  }
  if (!(nodes[0].source == ByteSpan{0, source_size}) ||
      !(nodes[0].text == ByteSpan{0, text_size}) || tree.source_size_bytes() != source_size) {
    return "the document does not span all";
  }
  if (!simdjson::validate_utf8(tree.text())) return "the text is not UTF-8";
  int64_t last_end = 0;
  for (size_t i = 1; i < nodes.size(); ++i) {
    std::string broken = BrokenPlace(nodes, i);
    if (broken.empty() && IsLeaf(nodes[i])) {
      if (nodes[i].text.begin < last_end) broken = "overlaps the leaf before";
      last_end = nodes[i].text.end;
      if (broken.empty()) broken = BrokenLeaf(tree, nodes[i], source);
    }
    if (!broken.empty()) {
      return absl::StrCat("node ", i, " (", std::string(NodeKindName(nodes[i].kind)),
                          "): ", broken);
    }
  }
  return "";
}

std::string ReadOutline(std::string_view source, DocumentFormat format,
                        const ReaderLimits& limits) {
  const absl::StatusOr<DocumentTree> tree = ReadDocument(source, format, limits);
  if (!tree.ok()) return absl::StrCat("error: ", tree.status().message());
  const std::string broken = BrokenLaw(*tree, source);
  return broken.empty() ? Outline(*tree) : "broken: " + broken;
}

std::string LeafSources(std::string_view source, DocumentFormat format) {
  const absl::StatusOr<DocumentTree> tree = ReadDocument(source, format);
  if (!tree.ok()) return absl::StrCat("error: ", tree.status().message());
  std::string out;
  for (const Node& node : tree->nodes()) {
    if (!IsLeaf(node)) continue;
    if (!out.empty()) out += '\n';
    out += source.substr(node.source.begin, node.source.size());
  }
  return out;
}

std::string Repeat(std::string_view piece, int64_t count) {
  std::string out;
  out.reserve(piece.size() * static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) out += piece;
  return out;
}

}  // namespace strata::models
