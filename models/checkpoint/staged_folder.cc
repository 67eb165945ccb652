#include "models/checkpoint/staged_folder.h"

#include <unistd.h>

#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace fs = std::filesystem;

absl::Status CheckOutputFolder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder.string(), " is there and not empty; name another folder"));
  }
  return absl::OkStatus();
}

absl::StatusOr<StagedFolder> StagedFolder::Make(const fs::path& output) {
  fs::path place = output.lexically_normal();
  if (!place.has_filename()) place = place.parent_path();  // "OUT/"
  fs::path path = place;
  path += absl::StrCat(".partial", ::getpid());
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot make ", path.string(), ": ", error.message()));
  }
  return StagedFolder(std::move(place), std::move(path));
}

StagedFolder::~StagedFolder() {
  std::error_code error;
  if (!path_.empty()) fs::remove_all(path_, error);
}

absl::Status StagedFolder::Publish() {
  std::error_code error;
  fs::remove(output_, error);  // an empty one
  fs::rename(path_, output_, error);
  if (error) {
    return absl::InternalError(absl::StrCat("cannot rename ", path_.string(), " to ",
                                            output_.string(), ": ", error.message()));
  }
  path_.clear();
  return absl::OkStatus();
}

}  // namespace strata::models
