// Work in this process that needs no served model: a document's structure, a tokenizer alone, a
// file of many documents. Link strata::engine.
#ifndef STRATA_LOCAL_H_
#define STRATA_LOCAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "strata/document.h"
#include "strata/export.h"
#include "strata/result.h"

namespace strata {

// INVALID_ARGUMENT: not UTF-8 (says the byte), binary data, broken JSON or XML (says the place).
STRATA_API absl::StatusOr<DocumentStructure> InspectDocument(const DocumentInput& document);

// The same with a node for every token of `tokenizer` below its heading or sentence.
class Tokenizer;
STRATA_API absl::StatusOr<DocumentStructure> InspectDocument(const DocumentInput& document,
                                                             const Tokenizer& tokenizer);

// "auto", "text", "markdown", "html", "jats", "json"; INVALID_ARGUMENT for another name.
STRATA_API absl::StatusOr<DocumentFormat> ParseDocumentFormat(const std::string& name);
STRATA_API std::string DocumentFormatName(DocumentFormat format);

// Immutable once loaded; cheap to copy; safe from many threads.
class STRATA_API Tokenizer {
 public:
  // tokenizer.json, vocab.txt, a SentencePiece .model, or a folder with one of them.
  static absl::StatusOr<Tokenizer> Load(const std::string& path);
  // INVALID_ARGUMENT: not UTF-8 (names the byte).
  absl::StatusOr<TokenizeResult> Tokenize(const std::string& text) const;

 private:
  friend absl::StatusOr<DocumentStructure> InspectDocument(const DocumentInput& document,
                                                           const Tokenizer& tokenizer);
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

// One line of a JSON Lines or CSV file.
struct LabelledDocument {
  std::int64_t line = 0;  // from 1
  std::string label;      // field "label"; may be empty
  // Field "labels": one for each sentence or section, empty where there is none. May be empty.
  std::vector<std::string> labels;
  std::string summary;  // field "summary", a list as lines; may be empty
  DocumentInput document = DocumentInput::FromBytes("");  // its id: field "id", else the line
};

// Labelled documents, one after the other. Not thread-safe.
class STRATA_API LabelledReader {
 public:
  virtual ~LabelledReader() = default;
  // False at the end. INVALID_ARGUMENT names file and line; the next call goes on after that line.
  // DATA_LOSS: gzip data that are damaged or cut off; nothing can be read behind it.
  virtual absl::StatusOr<bool> Next(LabelledDocument& document) = 0;
};

// JSON Lines, plain or gzip: an object a line, with the text as "text", "sentences" or "sections".
// Memory does not grow with the file.
class STRATA_API JsonLinesReader : public LabelledReader {
 public:
  static absl::StatusOr<std::unique_ptr<JsonLinesReader>> Open(const std::string& path);
};

// By the ending of `path`: .csv names a file on each line (columns path, from the CSV file's own
// folder on, and label), whose id is that path; anything else is JSON Lines. INVALID_ARGUMENT: a
// CSV file without these columns, or a line that leaves one empty.
STRATA_API absl::StatusOr<std::unique_ptr<LabelledReader>> OpenLabelledDocuments(
    const std::string& path);

}  // namespace strata

#endif  // STRATA_LOCAL_H_
