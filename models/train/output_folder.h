// The folder that a training run fills. Nothing of anybody else's may be in it: a run writes under
// fixed names and would overwrite it.
#ifndef STRATA_MODELS_TRAIN_OUTPUT_FOLDER_H_
#define STRATA_MODELS_TRAIN_OUTPUT_FOLDER_H_

#include <string>

#include "absl/status/status.h"

namespace strata::models {

// OK: the folder is absent or empty, or holds an unfinished run and `resume` is on. Else
// FAILED_PRECONDITION says what is there. Nothing is made.
absl::Status CheckOutputFolder(const std::string& folder, bool resume);

// Makes it, with the folders above it. `made`: whether it was not there before.
absl::Status MakeOutputFolder(const std::string& folder, bool& made);

// Takes back what a run left that came to nothing: its own files, and the folder if `made`.
void RemoveOutput(const std::string& folder, bool made);

// Writes a small file whole; the status says why it could not.
absl::Status WriteTextFile(const std::string& path, const std::string& content);

}  // namespace strata::models

#endif  // STRATA_MODELS_TRAIN_OUTPUT_FOLDER_H_
