// A folder that is written beside its place and put there as a whole: readers see all of it or
// none.
#ifndef STRATA_MODELS_CHECKPOINT_STAGED_FOLDER_H_
#define STRATA_MODELS_CHECKPOINT_STAGED_FOLDER_H_

#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata::models {

// FAILED_PRECONDITION: `folder` is there and not empty.
absl::Status CheckOutputFolder(const std::filesystem::path& folder);

// Removed again unless it is published. Not thread-safe.
class StagedFolder {
 public:
  // A folder of another name beside `output`, which may end in '/'. INTERNAL: it cannot be made.
  static absl::StatusOr<StagedFolder> Make(const std::filesystem::path& output);
  ~StagedFolder();
  StagedFolder(StagedFolder&& other) noexcept
      : output_(std::move(other.output_)), path_(std::exchange(other.path_, {})) {}
  StagedFolder& operator=(StagedFolder&&) = delete;

  // Where to write.
  const std::filesystem::path& path() const { return path_; }

  // Renames it to the output, which may be an empty folder. INTERNAL: it cannot be renamed.
  absl::Status Publish();

 private:
  StagedFolder(std::filesystem::path output, std::filesystem::path path)
      : output_(std::move(output)), path_(std::move(path)) {}

  std::filesystem::path output_;
  std::filesystem::path path_;  // empty: there is nothing to remove
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_STAGED_FOLDER_H_
