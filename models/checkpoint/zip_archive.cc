#include "models/checkpoint/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

struct FileCloser {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

std::string OpenErrorText(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

}  // namespace

void ZipArchive::Closer::operator()(zip* archive) const { zip_discard(archive); }

absl::StatusOr<ZipArchive> ZipArchive::Open(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat("cannot open ", path));
  }
  int code = 0;
  ZipArchive opened;
  opened.path_ = path;
  opened.archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (opened.archive_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a zip archive, or cut off (", OpenErrorText(code), ")"));
  }
  const zip_int64_t entries = zip_get_num_entries(opened.archive_.get(), 0);
  for (zip_int64_t i = 0; i < entries; ++i) {
    const char* name = zip_get_name(opened.archive_.get(), static_cast<zip_uint64_t>(i), 0);
    if (name == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": entry ", i, " has no name"));
    }
    opened.names_.emplace_back(name);
  }
  // Readers differ in which of two they take; none is safe to choose.
  std::sort(opened.names_.begin(), opened.names_.end());
  const auto twice = std::adjacent_find(opened.names_.begin(), opened.names_.end());
  if (twice != opened.names_.end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": holds two entries '", *twice, "'"));
  }
  return opened;
}

bool ZipArchive::Contains(const std::string& name) const {
  return std::binary_search(names_.begin(), names_.end(), name);
}

absl::StatusOr<ZipEntry> ZipArchive::Read(const std::string& name, int64_t max_bytes) const {
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": entry '", name, "' ", what));
  };
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat(archive_.get(), name.c_str(), 0, &info) != 0) return refuse("is missing");
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((info.valid & kNeeded) != kNeeded) return refuse("has no size");
  if (info.comp_method != ZIP_CM_STORE || info.comp_size != info.size) {
    return refuse("is compressed; torch.save stores entries as they are");
  }
  if (info.encryption_method != ZIP_EM_NONE) return refuse("is encrypted");
  std::error_code error;
  const uintmax_t file_size = std::filesystem::file_size(path_, error);
  if (error || info.size > file_size) {
    return refuse(absl::StrCat("claims ", info.size, " bytes, the file has ", file_size));
  }
  if (info.size > static_cast<zip_uint64_t>(max_bytes)) {
    return refuse(absl::StrCat("has ", info.size, " bytes, at most ", max_bytes, " are expected"));
  }
  const std::unique_ptr<zip_file_t, FileCloser> file(zip_fopen(archive_.get(), name.c_str(), 0));
  if (file == nullptr) {
    return refuse(absl::StrCat("cannot be read: ", zip_strerror(archive_.get())));
  }
  ZipEntry entry;
  entry.size_bytes = static_cast<int64_t>(info.size);
  auto data = std::make_unique_for_overwrite<std::byte[]>(info.size + 1);
  zip_uint64_t have = 0;
  // One byte more than there is: libzip compares the checksum when it meets the end.
  while (have <= info.size) {
    const zip_int64_t got = zip_fread(file.get(), data.get() + have, info.size + 1 - have);
    if (got < 0) return refuse(absl::StrCat("is damaged: ", zip_file_strerror(file.get())));
    if (got == 0) break;
    have += static_cast<zip_uint64_t>(got);
  }
  if (have != info.size) {
    return refuse(absl::StrCat("holds ", have, " bytes, ", info.size, " are announced"));
  }
  entry.data = std::move(data);
  return entry;
}

}  // namespace strata::models
