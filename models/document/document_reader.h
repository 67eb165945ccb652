// Reads a document in any supported form into a DocumentTree.
#ifndef STRATA_MODELS_DOCUMENT_DOCUMENT_READER_H_
#define STRATA_MODELS_DOCUMENT_DOCUMENT_READER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "models/document/document_tree.h"

namespace strata::models {

enum class DocumentFormat : uint8_t {
  kAuto,       // from the content (and the file name's ending, where there is one)
  kPlainText,  // headings found by layout, sentences by ICU
  kMarkdown,
  kHtml,
  kJats,  // JATS XML (journal articles)
  kJson,  // one JSON object: title, sections [{heading, level, paragraphs}], or text, or sentences
};

// "auto", "text", "markdown", "html", "jats", "json"; INVALID_ARGUMENT for another name.
absl::StatusOr<DocumentFormat> ParseDocumentFormat(std::string_view name);
std::string_view DocumentFormatName(DocumentFormat format);

// What kAuto stands for: by the ending of `file_name` (may be empty), else by the first bytes.
DocumentFormat DetectDocumentFormat(std::string_view bytes, std::string_view file_name);

struct ReaderLimits {
  int64_t max_source_bytes = int64_t{256} << 20;
  int32_t max_depth = 256;  // levels of nested sections; deeper ones join their ancestor
  int64_t max_nodes = 4'000'000;
  std::string locale = "en";  // of the ICU sentence rules
};

// INVALID_ARGUMENT: not UTF-8 (says the byte), binary data, broken JSON or XML (says the place).
// RESOURCE_EXHAUSTED: a limit above, named. An empty document is a tree of one node.
// Thread-safe. O(bytes).
absl::StatusOr<DocumentTree> ReadDocument(std::string_view bytes, DocumentFormat format,
                                          const ReaderLimits& limits = {});

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_DOCUMENT_READER_H_
