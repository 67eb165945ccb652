// A file of bytes that is unpacked while it is read if it is gzip, which its first bytes tell.
#ifndef STRATA_MODELS_DOCUMENT_GZIP_FILE_H_
#define STRATA_MODELS_DOCUMENT_GZIP_FILE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace strata::models {

// Not thread-safe.
class GzipFile {
 public:
  // NOT_FOUND, PERMISSION_DENIED with the system's words.
  static absl::StatusOr<std::unique_ptr<GzipFile>> Open(const std::string& path);
  ~GzipFile();

  // Up to `size` bytes (> 0) into `buffer`; 0 at the end. DATA_LOSS: gzip data that are damaged,
  // cut off, or followed by something else; reading fails. It is final.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);

 private:
  GzipFile();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_GZIP_FILE_H_
