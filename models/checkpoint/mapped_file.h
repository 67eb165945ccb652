// A file mapped into memory, read only and shared: weights are read once by all who use them.
#ifndef STRATA_MODELS_CHECKPOINT_MAPPED_FILE_H_
#define STRATA_MODELS_CHECKPOINT_MAPPED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace strata::models {

class MappedFile {
 public:
  // NOT_FOUND: no such file; INVALID_ARGUMENT: not a regular file. An empty file maps to size 0.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  int64_t size_bytes() const { return size_bytes_; }

 private:
  MappedFile(const std::byte* data, int64_t size_bytes) : data_(data), size_bytes_(size_bytes) {}
  const std::byte* data_;
  int64_t size_bytes_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_MAPPED_FILE_H_
