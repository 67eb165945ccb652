// The documents of a batch: a folder's files, a list of files, or JSON Lines.
#ifndef STRATA_CLIENTS_CLI_BATCH_INPUT_H_
#define STRATA_CLIENTS_CLI_BATCH_INPUT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "strata/document.h"
#include "strata/options.h"

namespace strata::cli {

// What a folder's documents end in.
constexpr char kDocumentEndings[] =
    ".txt .text .md .markdown .html .htm .xhtml .xml .nxml .jats .json";

struct BatchItem {
  // A file's path as found (one that is not UTF-8 as a file: URI, since JSON could not hold it); a
  // line's "id", else its number.
  std::string id;
  std::int64_t line = 0;  // of JSON Lines, from 1; 0 for files
  DocumentInput document = DocumentInput::FromBytes("");
  absl::Status error;  // why there is no document (a broken line); then it is answered at once
};

struct BatchCounts {
  std::int64_t num_items = 0;
  std::int64_t num_bytes = 0;
};

// Files of a folder that are no documents by their names.
struct SkippedFiles {
  std::int64_t count = 0;
  std::string endings;  // of the most of them: ".pdf 7, .gz 2, …"
};

// Items in a fixed order. Not thread-safe.
class BatchInput {
 public:
  // A folder: every file below it with a known ending (kDocumentEndings), sorted by path; hidden
  // ones are left out. A file that starts with '{' or is gzip: JSON Lines. Another file: a path on
  // each line. NOT_FOUND; INVALID_ARGUMENT: neither of these, as a document itself, whose lines
  // name no file.
  static absl::StatusOr<std::unique_ptr<BatchInput>> Open(const std::string& path,
                                                          DocumentFormat format);
  virtual ~BatchInput() = default;

  // Of a folder.
  virtual SkippedFiles skipped() const { return {}; }

  // False at the end.
  virtual absl::StatusOr<bool> Next(BatchItem& item) = 0;

  // How much of `path` is wanted, by a pass of its own (JSON Lines are read through once).
  static absl::StatusOr<BatchCounts> Count(const std::string& path, DocumentFormat format,
                                           absl::FunctionRef<bool(const BatchItem& item)> wanted);
};

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_BATCH_INPUT_H_
