// The readers behind ReadDocument(), one a format. Each gets valid UTF-8 without a byte order mark
// and without NUL bytes; `text` is a view into the builder's source (or its overlay). Each returns
// INVALID_ARGUMENT for input that is broken beyond the format's own rules of recovery and
// RESOURCE_EXHAUSTED for input that would cost more than linear time; limits that the builder
// meets are the builder's status.
#ifndef STRATA_MODELS_DOCUMENT_FORMAT_READERS_H_
#define STRATA_MODELS_DOCUMENT_FORMAT_READERS_H_

#include <string_view>

#include "absl/status/status.h"
#include "models/document/document_builder.h"

namespace strata::models {

// Blocks by blank lines, headings by layout (plain_text_layout.h).
absl::Status ReadPlainText(std::string_view text, DocumentBuilder& builder);

// CommonMark with tables, by md4c. Each paragraph, list item, table row, code block is a paragraph.
absl::Status ReadMarkdown(std::string_view text, DocumentBuilder& builder);

// HTML 5, by gumbo. h1 … h6 make nested sections; <title> counts where there is no h1.
absl::Status ReadHtml(std::string_view text, const ReaderLimits& limits, DocumentBuilder& builder);

// JATS XML, by expat: the first <article>: its title, abstract and sections.
absl::Status ReadJats(std::string_view text, DocumentBuilder& builder);

// One JSON object, checked by simdjson (fields: document_reader.h).
absl::Status ReadJson(std::string_view text, DocumentBuilder& builder);

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_FORMAT_READERS_H_
