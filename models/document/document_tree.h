// One document as a tree of any depth, every node with its place in the source.
//
// A reader (document_reader.h) turns bytes into a tree; everything after it (tokens, results,
// reports) speaks of nodes. Node 0 is the document; children follow their parent in document order
// (preorder), so a node's subtree is a contiguous range of indices and loops need no recursion.
#ifndef STRATA_MODELS_DOCUMENT_DOCUMENT_TREE_H_
#define STRATA_MODELS_DOCUMENT_DOCUMENT_TREE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/document/byte_span.h"

namespace strata::models {

enum class NodeKind : uint8_t {
  kDocument,   // the root, exactly one
  kSection,    // section, subsection, ...: nested to any depth
  kHeading,    // leaf: the heading of its parent section, or the document's title
  kParagraph,  // paragraph, list item, table row, ...
  kSentence,   // leaf: one sentence
  kToken,      // of a leaf, once a tokenizer was asked (models/tokenizer/token_nodes.h)
};

// "document", "section", "heading", "paragraph", "sentence", "token".
std::string_view NodeKindName(NodeKind kind);

struct Node {
  NodeKind kind = NodeKind::kDocument;
  int32_t parent = -1;  // index of the parent; -1 for the document only
  int32_t level = 0;    // edges from the root: the document is 0
  ByteSpan text;        // in DocumentTree::text()
  ByteSpan source;      // in the bytes that were read
};

// Maps bytes of the extracted text to bytes of the source. A run is either copied byte for byte
// (source and text sizes equal) or stands for its source range as a whole (an entity, an escape,
// white space that was folded); a text range that touches such a run gets its whole source range.
class SourceMap {
 public:
  // Appends a run: text bytes [TextSize(), TextSize() + text_size) come from `source`.
  // Runs are given in text order; adjacent copied runs are merged.
  void Append(int64_t text_size, ByteSpan source);
  // Appends what `other` says about its text bytes `text`.
  void AppendRange(const SourceMap& other, ByteSpan text);
  // The smallest source range that covers `text`; exact inside copied runs. O(log runs), and
  // O(runs in `text`) if some runs stand in the source in another order than in the text.
  ByteSpan ToSource(ByteSpan text) const;
  int64_t text_size() const { return text_size_; }

 private:
  struct Run {
    int64_t text_begin;
    int64_t text_size;
    ByteSpan source;
  };
  static int64_t TextEnd(const Run& run) { return run.text_begin + run.text_size; }
  static ByteSpan Part(const Run& run, int64_t begin, int64_t end);
  size_t FindRun(int64_t text_offset) const;  // the run that holds this byte; runs_.size(): none

  std::vector<Run> runs_;
  int64_t text_size_ = 0;
  bool in_source_order_ = true;
};

// Immutable after the reader returns it; safe to read from many threads.
class DocumentTree {
 public:
  DocumentTree() = default;
  DocumentTree(std::string text, SourceMap source_map, std::vector<Node> nodes,
               int64_t source_size_bytes)
      : text_(std::move(text)),
        source_map_(std::move(source_map)),
        nodes_(std::move(nodes)),
        source_size_bytes_(source_size_bytes) {}

  // The extracted text, UTF-8. Leaves are disjoint and in order; separators between them (newlines)
  // belong to no leaf.
  const std::string& text() const { return text_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  int64_t source_size_bytes() const { return source_size_bytes_; }

  std::string_view TextOf(const Node& node) const {
    return std::string_view(text_).substr(node.text.begin, node.text.size());
  }
  // The same text under other nodes, whose spans must lie in it.
  DocumentTree WithNodes(std::vector<Node> nodes) && {
    nodes_ = std::move(nodes);
    return std::move(*this);
  }
  // Where a range of text() stands in the source.
  ByteSpan ToSource(ByteSpan text) const { return source_map_.ToSource(text); }

 private:
  std::string text_;
  SourceMap source_map_;
  std::vector<Node> nodes_;
  int64_t source_size_bytes_ = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_DOCUMENT_TREE_H_
