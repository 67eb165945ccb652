// The lowest level of a document's tree: the tokens of each heading and sentence, as their
// children.
#ifndef STRATA_MODELS_TOKENIZER_TOKEN_NODES_H_
#define STRATA_MODELS_TOKENIZER_TOKEN_NODES_H_

#include "absl/status/statusor.h"
#include "models/document/document_tree.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// `tree` with a node of kind kToken for every token of every leaf, in preorder as before; node
// indices therefore differ from those of `tree`. Special tokens, which stand for no byte of the
// text, are not among them. O(bytes).
absl::StatusOr<DocumentTree> AddTokenNodes(DocumentTree tree, const Tokenizer& tokenizer);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_TOKEN_NODES_H_
