#include "services/runtime/model_folder.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::runtime {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kManifest[] = "SHA256SUMS";
constexpr size_t kChunkBytes = size_t{1} << 20;
constexpr int64_t kMaxTextBytes = int64_t{16} << 20;  // of model.json and SHA256SUMS

absl::StatusOr<std::string> ReadSmallFile(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  if (size > static_cast<uintmax_t>(kMaxTextBytes)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(), ": has ", size, " bytes; at most ", kMaxTextBytes, " make sense here"));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// "12" → 12; 0 for all that is not the plain decimal form of a whole number over 0.
int64_t VersionOf(const std::string& name) {
  int64_t version = 0;
  if (!absl::SimpleAtoi(name, &version) || version <= 0) return 0;
  return absl::StrCat(version) == name ? version : 0;
}

absl::StatusOr<std::vector<int64_t>> VersionsOnDisk(const std::string& model_folder) {
  std::error_code error;
  std::vector<int64_t> versions;
  for (auto it = fs::directory_iterator(model_folder, error);
       !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    const int64_t version = VersionOf(it->path().filename().string());
    if (version > 0 && it->is_directory(ignored)) versions.push_back(version);
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the folder ", model_folder, ": ", error.message()));
  }
  if (versions.empty()) {
    return absl::NotFoundError(absl::StrCat(
        model_folder, " holds no version; its folders of versions are named 1, 2, 3, ..."));
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

absl::Status BadPlan(const std::string& message) {
  return absl::InvalidArgumentError(absl::StrCat("model.json: ", message));
}

absl::StatusOr<std::vector<int64_t>> ApplyPolicy(const json& policy,
                                                 const std::vector<int64_t>& on_disk) {
  if (policy.is_null()) return std::vector<int64_t>{on_disk.back()};
  if (policy.is_string() && policy.get<std::string>() == "all") return on_disk;
  if (policy.is_object() && policy.size() == 1 && policy.contains("latest")) {
    const json& count = policy["latest"];
    if (!count.is_number_integer() || count.get<int64_t>() <= 0) {
      return BadPlan("version_policy: latest must be a whole number over 0");
    }
    const auto kept = static_cast<std::ptrdiff_t>(
        std::min<int64_t>(count.get<int64_t>(), static_cast<int64_t>(on_disk.size())));
    return std::vector<int64_t>(on_disk.end() - kept, on_disk.end());
  }
  if (policy.is_object() && policy.size() == 1 && policy.contains("specific")) {
    const json& list = policy["specific"];
    if (!list.is_array() || list.empty()) return BadPlan("version_policy: specific is no list");
    std::set<int64_t> wanted;
    for (const json& version : list) {
      if (!version.is_number_integer()) {
        return BadPlan("version_policy: specific must list whole numbers");
      }
      const auto number = version.get<int64_t>();
      if (!std::binary_search(on_disk.begin(), on_disk.end(), number)) {
        return absl::NotFoundError(absl::StrCat("model.json: version_policy names version ", number,
                                                ", and there is no such folder"));
      }
      wanted.insert(number);
    }
    return std::vector<int64_t>(wanted.begin(), wanted.end());
  }
  return BadPlan(R"(version_policy must be {"latest": N}, "all" or {"specific": [VERSION, ...]})");
}

absl::Status ReadLabels(const json& labels, ModelPlan& plan) {
  if (labels.is_null()) return absl::OkStatus();
  if (!labels.is_object()) return BadPlan("labels must be an object of label: version");
  for (const auto& [label, version] : labels.items()) {
    if (absl::Status status = CheckModelName(label); !status.ok()) {
      return BadPlan(absl::StrCat("labels: '", label, "' cannot be a label"));
    }
    if (std::all_of(label.begin(), label.end(),
                    [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); })) {
      return BadPlan(
          absl::StrCat("labels: '", label, "' would be taken for a version; add a letter"));
    }
    if (!version.is_number_integer() ||
        !std::binary_search(plan.versions.begin(), plan.versions.end(), version.get<int64_t>())) {
      return BadPlan(
          absl::StrCat("labels: '", label, "' is not of a version that version_policy serves"));
    }
    plan.labels.emplace(label, version.get<int64_t>());
  }
  return absl::OkStatus();
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// SHA-256, fed in pieces.
class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new()) {
    ok_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }
  void Add(const char* data, size_t size) {
    ok_ = ok_ && EVP_DigestUpdate(context_.get(), data, size) == 1;
  }
  // Empty where the library failed.
  std::string Hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!ok_ || EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) return "";
    return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(digest), size));
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
  bool ok_ = false;
};

// File name → hash, from the lines of sha256sum ("HASH  NAME" or "HASH *NAME").
absl::StatusOr<std::map<std::string, std::string>> ParseManifest(const std::string& text) {
  std::map<std::string, std::string> hashes;
  std::istringstream lines(text);
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const bool formed = line.size() > 66 && line[64] == ' ' && (line[65] == ' ' || line[65] == '*');
    std::string hash = absl::AsciiStrToLower(line.substr(0, 64));
    std::string name = formed ? line.substr(66) : "";
    if (name.rfind("./", 0) == 0) name.erase(0, 2);
    if (!formed || hash.find_first_not_of("0123456789abcdef") != std::string::npos ||
        name.empty() || name.find('/') != std::string::npos ||
        name.find('\\') != std::string::npos) {
      return absl::DataLossError(absl::StrCat(kManifest, ": line ", number,
                                              " is not 'HASH  FILE' of a file in the same folder"));
    }
    if (!hashes.emplace(name, hash).second) {
      return absl::DataLossError(
          absl::StrCat(kManifest, ": line ", number, ": '", name, "' is named twice"));
    }
  }
  return hashes;
}

// The files that a manifest has to name.
absl::StatusOr<std::set<std::string>> FilesOf(const std::string& folder) {
  std::set<std::string> files;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name != kManifest && name[0] != '.') files.insert(name);
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot read the folder ", folder, ": ", error.message()));
  }
  return files;
}

absl::StatusOr<std::string> HashFile(const fs::path& path, const std::function<bool()>& cancelled) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return absl::DataLossError(absl::StrCat(path.string(), ": not a file"));
  }
  std::ifstream stream(path, std::ios::binary);
  Sha256 sha;
  std::vector<char> chunk(kChunkBytes);
  while (stream) {
    if (cancelled && cancelled()) return absl::CancelledError("the server is shutting down");
    stream.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    sha.Add(chunk.data(), static_cast<size_t>(stream.gcount()));
  }
  if (!stream.eof()) return absl::DataLossError(absl::StrCat("cannot read ", path.string()));
  std::string hex = sha.Hex();
  if (hex.empty()) return absl::InternalError("libcrypto cannot compute SHA-256");
  return hex;
}

}  // namespace

absl::StatusOr<ModelPlan> ReadModelPlan(const std::string& model_folder) {
  absl::StatusOr<std::vector<int64_t>> on_disk = VersionsOnDisk(model_folder);
  if (!on_disk.ok()) return on_disk.status();
  json document = json::object();
  const fs::path path = fs::path(model_folder) / "model.json";
  std::error_code error;
  if (fs::exists(path, error)) {
    absl::StatusOr<std::string> text = ReadSmallFile(path);
    if (!text.ok()) return text.status();
    document = json::parse(*text, nullptr, false);
    if (!document.is_object()) return BadPlan("is not a JSON object");
  }
  for (const auto& [key, value] : document.items()) {
    if (key != "version_policy" && key != "labels" && key != "warm_up") {
      return BadPlan(
          absl::StrCat("'", key, "' is unknown; known: version_policy, labels, warm_up"));
    }
  }
  ModelPlan plan;
  absl::StatusOr<std::vector<int64_t>> versions =
      ApplyPolicy(document.value("version_policy", json()), *on_disk);
  if (!versions.ok()) return versions.status();
  plan.versions = *std::move(versions);
  if (absl::Status status = ReadLabels(document.value("labels", json()), plan); !status.ok()) {
    return status;
  }
  if (const json warm_up = document.value("warm_up", json(true)); warm_up.is_boolean()) {
    plan.warm_up = warm_up.get<bool>();
  } else {
    return BadPlan("warm_up must be true or false");
  }
  return plan;
}

absl::Status CheckModelName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 256 && name[0] != '.' &&
                    std::none_of(name.begin(), name.end(), [](char c) {
                      return c == '/' || c == '\\' || c == '@' ||
                             absl::ascii_iscntrl(static_cast<unsigned char>(c));
                    });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("'", absl::CHexEscape(absl::string_view(name.data(), name.size())),
                   "' cannot be the name of a model: give 1 to 256 bytes without '/', '\\', '@' or "
                   "control characters, not beginning with '.'"));
}

absl::StatusOr<int64_t> FolderBytes(const std::string& folder) {
  absl::StatusOr<std::set<std::string>> files = FilesOf(folder);
  if (!files.ok()) return files.status();
  int64_t num_bytes = 0;
  for (const std::string& name : *files) {
    std::error_code error;
    const auto size = fs::file_size(fs::path(folder) / name, error);
    if (!error) num_bytes += static_cast<int64_t>(size);
  }
  return num_bytes;
}

absl::StatusOr<std::string> ManifestDigest(const std::string& folder) {
  const fs::path path = fs::path(folder) / kManifest;
  std::error_code error;
  if (!fs::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat(path.string(), " is missing; make it with: cd ", folder,
                                            " && sha256sum * > ", kManifest));
  }
  return HashFile(path, nullptr);
}

absl::Status VerifyManifest(const std::string& folder, const std::function<bool()>& cancelled) {
  const fs::path root(folder);
  absl::StatusOr<std::string> text = ReadSmallFile(root / kManifest);
  if (!text.ok()) return text.status();
  absl::StatusOr<std::map<std::string, std::string>> hashes = ParseManifest(*text);
  if (!hashes.ok()) return hashes.status();
  absl::StatusOr<std::set<std::string>> files = FilesOf(folder);
  if (!files.ok()) return files.status();
  for (const std::string& name : *files) {
    if (hashes->count(name) == 0) {
      return absl::DataLossError(
          absl::StrCat(kManifest, " does not name '", name, "' of ", folder));
    }
  }
  for (const auto& [name, hash] : *hashes) {
    if (files->count(name) == 0) {
      return absl::DataLossError(
          absl::StrCat(kManifest, " names '", name, "', and ", folder, " has no such file"));
    }
    absl::StatusOr<std::string> actual = HashFile(root / name, cancelled);
    if (!actual.ok()) return actual.status();
    if (*actual != hash) {
      return absl::DataLossError(absl::StrCat((root / name).string(), " has the SHA-256 ", *actual,
                                              ", and ", kManifest, " says ", hash,
                                              "; copy it again"));
    }
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
