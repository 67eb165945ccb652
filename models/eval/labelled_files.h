// Labelled files of images, sounds or documents, named by a CSV file.
#ifndef STRATA_MODELS_EVAL_LABELLED_FILES_H_
#define STRATA_MODELS_EVAL_LABELLED_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace strata::models {

struct LabelledFile {
  std::string path;  // as the program opens it
  std::string label;
  int64_t line = 0;  // of the CSV file, from 1
};

// A CSV file (RFC 4180) whose first line names the columns, among them "path" (from the CSV file's
// own folder, or absolute) and "label". INVALID_ARGUMENT names file and line: no such column, a
// line with too few, an empty path or label. NOT_FOUND.
absl::StatusOr<std::vector<LabelledFile>> ReadLabelledFiles(const std::string& csv_path);

// The bytes of one. NOT_FOUND; RESOURCE_EXHAUSTED: more than `max_bytes`.
absl::StatusOr<std::string> ReadFileBytes(const std::string& path, int64_t max_bytes);

}  // namespace strata::models

#endif  // STRATA_MODELS_EVAL_LABELLED_FILES_H_
