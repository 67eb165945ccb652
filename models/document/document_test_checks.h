// What the tests of all readers share: a short written form of a tree and the laws that every tree
// keeps, whatever was read.
#ifndef STRATA_MODELS_DOCUMENT_DOCUMENT_TEST_CHECKS_H_
#define STRATA_MODELS_DOCUMENT_DOCUMENT_TEST_CHECKS_H_

#include <string>
#include <string_view>

#include "models/document/document_reader.h"
#include "models/document/document_tree.h"

namespace strata::models {

// "(Title)[(Heading){First.|Second.}[(Sub)]]": headings in (), sections in [], paragraphs in {}
// with their sentences parted by |.
std::string Outline(const DocumentTree& tree);

// Empty if the tree keeps the laws of document_tree.h for this source, else what is wrong:
// preorder, levels, children within parents, leaves disjoint and in order, each leaf's place,
// copied bytes equal to the source's, characters never cut.
std::string BrokenLaw(const DocumentTree& tree, std::string_view source);

// Reads, expects success and all laws, returns the outline ("error: …" if it failed).
std::string ReadOutline(std::string_view source, DocumentFormat format,
                        const ReaderLimits& limits = {});

// The bytes of the source at the place of each leaf, in order, parted by newlines.
std::string LeafSources(std::string_view source, DocumentFormat format);

// `piece` `count` times.
std::string Repeat(std::string_view piece, int64_t count);

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_DOCUMENT_TEST_CHECKS_H_
