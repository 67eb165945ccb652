// A model on disk: which versions there are, which of them to serve, and whether their files are
// what their maker published.
//
//   REPOSITORY/MODEL/VERSION/   a model folder and its SHA256SUMS; VERSION is a whole number over 0
//   REPOSITORY/MODEL/model.json what to serve (may be absent), for instance
//       {"version_policy": {"latest": 2}, "labels": {"stable": 3, "canary": 4}}
//     version_policy: {"latest": N} (absent: N = 1), "all", or {"specific": [1, 4]}
//     labels: names for versions; the policy has to serve each of them
//     warm_up: false leaves the warm-up out
//
// SHA256SUMS is what `sha256sum FILE... > SHA256SUMS` writes. It has to name every file of the
// folder but itself and hidden ones. Folders of any other name are left alone, so a version that is
// still being copied goes under another name and is renamed when it is whole.
#ifndef STRATA_SERVICES_RUNTIME_MODEL_FOLDER_H_
#define STRATA_SERVICES_RUNTIME_MODEL_FOLDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata::runtime {

// What a model's folder asks for.
struct ModelPlan {
  std::vector<int64_t> versions;          // to be served, ascending; at least one
  std::map<std::string, int64_t> labels;  // each of a version above
  bool warm_up = true;
};

// NOT_FOUND: no such folder, no version in it, one that the policy names is missing.
// INVALID_ARGUMENT: model.json, with the field.
absl::StatusOr<ModelPlan> ReadModelPlan(const std::string& model_folder);

// INVALID_ARGUMENT unless it can be the name of a model: not empty, no '/', '@' or control
// character, not hidden.
absl::Status CheckModelName(std::string_view name);

// Bytes of the files of a folder, which is about what its model will take. NOT_FOUND.
absl::StatusOr<int64_t> FolderBytes(const std::string& folder);

// The SHA-256 of SHA256SUMS as hex: the same for the same files. NOT_FOUND: no SHA256SUMS.
absl::StatusOr<std::string> ManifestDigest(const std::string& folder);

// Reads every file. DATA_LOSS: one differs, is missing or is not named. CANCELLED: `cancelled` (may
// be null) said so; it is asked once a megabyte.
absl::Status VerifyManifest(const std::string& folder, const std::function<bool()>& cancelled);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_MODEL_FOLDER_H_
