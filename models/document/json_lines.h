// Labelled documents from a JSON Lines file, plain or gzip: the input of train, eval and batch.
#ifndef STRATA_MODELS_DOCUMENT_JSON_LINES_H_
#define STRATA_MODELS_DOCUMENT_JSON_LINES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/document/document_reader.h"

namespace strata::models {

struct JsonLine {
  int64_t line_number = 0;  // from 1
  std::string id;           // field "id", else the line number
  std::string label;        // field "label", else empty
  // Field "labels", a list: one for each sentence (or section); an entry that is null, or neither a
  // string nor a number, is empty. Without the field, empty.
  std::vector<std::string> labels;
  std::string summary;  // field "summary": a string, or a list of them as lines; else empty
  std::string json;     // the line itself: ReadDocument(json, kJson) gives its tree
};

// Reads one line at a time; memory does not grow with the file. Not thread-safe.
class JsonLinesReader {
 public:
  // NOT_FOUND: no such file. Gzip is recognised by its first bytes.
  static absl::StatusOr<std::unique_ptr<JsonLinesReader>> Open(const std::string& path,
                                                               const ReaderLimits& limits = {});
  ~JsonLinesReader();

  // False at the end. INVALID_ARGUMENT names file and line; the next call goes on after that line.
  // DATA_LOSS: gzip data that are damaged or cut off; nothing can be read behind it.
  absl::StatusOr<bool> Next(JsonLine& line);

 private:
  JsonLinesReader();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_JSON_LINES_H_
