#include "models/tokenizer/token_nodes.h"

#include <utility>
#include <vector>

namespace strata::models {

absl::StatusOr<DocumentTree> AddTokenNodes(DocumentTree tree, const Tokenizer& tokenizer) {
  std::vector<Node> nodes;
  nodes.reserve(tree.nodes().size());
  std::vector<int32_t> new_index;  // by old index
  new_index.reserve(tree.nodes().size());
  Encoding encoding;
  for (const Node& old : tree.nodes()) {
    const auto index = static_cast<int32_t>(nodes.size());
    new_index.push_back(index);
    Node node = old;
    if (node.parent >= 0) node.parent = new_index[static_cast<size_t>(node.parent)];
    nodes.push_back(node);
    if (node.kind != NodeKind::kHeading && node.kind != NodeKind::kSentence) continue;
    if (absl::Status status = tokenizer.Encode(tree.TextOf(node), encoding); !status.ok()) {
      return status;
    }
    for (const ByteSpan& offset : encoding.offsets) {
      const ByteSpan text{node.text.begin + offset.begin, node.text.begin + offset.end};
      nodes.push_back({.kind = NodeKind::kToken,
                       .parent = index,
                       .level = node.level + 1,
                       .text = text,
                       .source = tree.ToSource(text)});
    }
  }
  return std::move(tree).WithNodes(std::move(nodes));
}

}  // namespace strata::models
