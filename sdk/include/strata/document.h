// A document to be worked on: where its bytes come from, their form, and an id of the caller's.
#ifndef STRATA_DOCUMENT_H_
#define STRATA_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "strata/export.h"
#include "strata/options.h"

namespace strata {

// Reads one document from its start. Not thread-safe.
class STRATA_API DocumentReader {
 public:
  virtual ~DocumentReader() = default;
  // Replaces `chunk` by the next 1..max_bytes bytes; empty at the end. An error is final.
  virtual absl::Status Next(std::size_t max_bytes, std::string& chunk) = 0;
};

// Cheap to copy: copies share the bytes. Safe to read from several threads, except where the bytes
// come from a stream or a callback: such a document is for one call at a time.
class STRATA_API DocumentInput {
 public:
  // The next bytes, any number at a time; an empty string at the end.
  using ReadFunction = std::function<absl::StatusOr<std::string>()>;

  static DocumentInput FromBytes(std::string bytes, DocumentFormat format = DocumentFormat::kAuto);
  // Opened only when it is sent (NOT_FOUND, PERMISSION_DENIED come then), and read piece by piece.
  // Its name takes part in finding the format, and is its first id.
  static DocumentInput FromFile(const std::string& path,
                                DocumentFormat format = DocumentFormat::kAuto);
  // Read piece by piece while it is sent; what was read is kept until the answer, so that the call
  // can be retried.
  static DocumentInput FromStream(std::shared_ptr<std::istream> stream,
                                  DocumentFormat format = DocumentFormat::kAuto);
  static DocumentInput FromCallback(ReadFunction read,
                                    DocumentFormat format = DocumentFormat::kAuto);

  // Echoed in the result. Need not be unique.
  const std::string& id() const { return id_; }
  DocumentInput& set_id(std::string id);

  DocumentFormat format() const { return format_; }
  // Last part of the path; empty unless it is a file or was set. Only its ending matters.
  const std::string& file_name() const { return file_name_; }
  DocumentInput& set_file_name(std::string file_name);

  // Absent for a stream or callback, and for a file that cannot be read.
  std::optional<std::int64_t> size_bytes() const;

  // From the first byte, every time. The reader may outlive this object.
  absl::StatusOr<std::unique_ptr<DocumentReader>> Open() const;
  absl::StatusOr<std::string> ReadAll() const;

  class Source;  // where the bytes come from

 private:
  DocumentInput(std::shared_ptr<Source> source, DocumentFormat format);

  std::shared_ptr<Source> source_;
  DocumentFormat format_;
  std::string id_;
  std::string file_name_;
};

}  // namespace strata

#endif  // STRATA_DOCUMENT_H_
