// Entries of a zip archive as torch.save writes it: stored, not compressed. Uses libzip.
#ifndef STRATA_MODELS_CHECKPOINT_ZIP_ARCHIVE_H_
#define STRATA_MODELS_CHECKPOINT_ZIP_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

struct zip;

namespace strata::models {

// An entry's content, aligned for every tensor type.
struct ZipEntry {
  std::shared_ptr<const std::byte[]> data;
  int64_t size_bytes = 0;
};

// One thread at a time.
class ZipArchive {
 public:
  // NOT_FOUND: no such file. INVALID_ARGUMENT: no zip archive or one that is cut off; two entries
  // of one name.
  static absl::StatusOr<ZipArchive> Open(const std::string& path);

  const std::vector<std::string>& names() const { return names_; }
  bool Contains(const std::string& name) const;

  // The whole entry; its checksum is checked. INVALID_ARGUMENT names the entry: not there,
  // compressed or encrypted (so nothing grows beyond the file's own size), over max_bytes, damaged.
  absl::StatusOr<ZipEntry> Read(const std::string& name, int64_t max_bytes) const;

 private:
  struct Closer {
    void operator()(zip* archive) const;
  };
  std::string path_;
  std::unique_ptr<zip, Closer> archive_;
  std::vector<std::string> names_;  // sorted
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_ZIP_ARCHIVE_H_
