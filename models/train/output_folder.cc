#include "models/train/output_folder.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/train/run_state.h"

namespace strata::models {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostNamed = 3;

absl::Status Refuse(const std::string& folder, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(folder, " ", why));
}

}  // namespace

absl::Status CheckOutputFolder(const std::string& folder, bool resume) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) return absl::OkStatus();
  if (!fs::is_directory(status)) return Refuse(folder, "is a file; name a new or empty folder");
  if (HasRunState(folder)) {
    if (resume) return absl::OkStatus();
    return Refuse(folder,
                  "holds an unfinished run; go on with it (resume), or name another folder");
  }
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) return absl::PermissionDeniedError(absl::StrCat(folder, ": ", error.message()));
  if (names.empty()) return absl::OkStatus();
  std::sort(names.begin(), names.end());
  if (std::binary_search(names.begin(), names.end(), "model.safetensors")) {
    return Refuse(folder, "holds a finished model; name another folder, or remove it first");
  }
  const size_t num_named = std::min(names.size(), kMostNamed);
  return Refuse(folder, absl::StrCat("is not empty (",
                                     absl::StrJoin(names.begin(), names.begin() + num_named, ", "),
                                     names.size() > num_named ? ", …" : "",
                                     "); name a new or empty folder, nothing is overwritten"));
}

absl::Status MakeOutputFolder(const std::string& folder, bool& made) {
  std::error_code error;
  made = fs::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("cannot make ", folder, ": ", error.message()));
}

void RemoveOutput(const std::string& folder, bool made) {
  RemoveRunState(folder);
  std::error_code error;
  for (const char* name : {"spiece.model", "tokenizer.json", "vocab.txt", "config.json",
                           "model.safetensors", "training.jsonl"}) {
    fs::remove(fs::path(folder) / name, error);
  }
  if (made) fs::remove(folder, error);  // only if it is empty
}

absl::Status WriteTextFile(const std::string& path, const std::string& content) {
  errno = 0;
  std::ofstream file(path, std::ios::trunc | std::ios::binary);
  file << content;
  file.close();
  if (file) return absl::OkStatus();
  return absl::ErrnoToStatus(errno != 0 ? errno : EIO, absl::StrCat("cannot write ", path));
}

}  // namespace strata::models
