#include "strata/document.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <mutex>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata {

class DocumentInput::Source {
 public:
  virtual ~Source() = default;
  virtual std::optional<std::int64_t> size_bytes() const = 0;
  virtual absl::StatusOr<std::unique_ptr<DocumentReader>> Open() const = 0;
};

namespace {

class BytesReader final : public DocumentReader {
 public:
  explicit BytesReader(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}

  absl::Status Next(std::size_t max_bytes, std::string& chunk) override {
    chunk.assign(*bytes_, position_, max_bytes);
    position_ += chunk.size();
    return absl::OkStatus();
  }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::size_t position_ = 0;
};

class BytesSource final : public DocumentInput::Source {
 public:
  explicit BytesSource(std::string bytes)
      : bytes_(std::make_shared<const std::string>(std::move(bytes))) {}

  std::optional<std::int64_t> size_bytes() const override {
    return static_cast<std::int64_t>(bytes_->size());
  }
  absl::StatusOr<std::unique_ptr<DocumentReader>> Open() const override {
    return std::make_unique<BytesReader>(bytes_);
  }

 private:
  std::shared_ptr<const std::string> bytes_;
};

absl::Status FileError(const std::string& path, int error) {
  return absl::ErrnoToStatus(error, path);
}

class FileReader final : public DocumentReader {
 public:
  FileReader(std::string path, std::ifstream file)
      : path_(std::move(path)), file_(std::move(file)) {}

  absl::Status Next(std::size_t max_bytes, std::string& chunk) override {
    chunk.resize(max_bytes);
    file_.read(chunk.data(), static_cast<std::streamsize>(max_bytes));
    chunk.resize(static_cast<std::size_t>(file_.gcount()));
    if (file_.bad()) return absl::DataLossError(absl::StrCat(path_, ": reading failed"));
    return absl::OkStatus();
  }

 private:
  std::string path_;
  std::ifstream file_;
};

class FileSource final : public DocumentInput::Source {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}

  std::optional<std::int64_t> size_bytes() const override {
    struct stat info = {};
    if (::stat(path_.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
    return static_cast<std::int64_t>(info.st_size);
  }
  absl::StatusOr<std::unique_ptr<DocumentReader>> Open() const override {
    struct stat info = {};
    if (::stat(path_.c_str(), &info) != 0) return FileError(path_, errno);
    if (S_ISDIR(info.st_mode)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": is a folder; a document must be a file"));
    }
    errno = 0;
    std::ifstream file(path_, std::ios::binary);
    if (!file) return FileError(path_, errno != 0 ? errno : EIO);
    return std::make_unique<FileReader>(path_, std::move(file));
  }

 private:
  std::string path_;
};

// Bytes that come only once. What was read is kept, so that a second attempt starts at byte 0.
struct Spool {
  std::mutex mutex;
  DocumentInput::ReadFunction read;
  std::string bytes;
  bool ended = false;
  absl::Status error;
};

class SpoolReader final : public DocumentReader {
 public:
  explicit SpoolReader(std::shared_ptr<Spool> spool) : spool_(std::move(spool)) {}

  absl::Status Next(std::size_t max_bytes, std::string& chunk) override {
    std::lock_guard<std::mutex> lock(spool_->mutex);
    if (position_ == spool_->bytes.size() && !spool_->ended) {
      absl::StatusOr<std::string> bytes = spool_->read();
      if (!bytes.ok()) spool_->error = bytes.status();
      spool_->ended = !bytes.ok() || bytes->empty();
      if (bytes.ok()) spool_->bytes += *bytes;
    }
    chunk.assign(spool_->bytes, position_, max_bytes);
    position_ += chunk.size();
    return chunk.empty() ? spool_->error : absl::OkStatus();
  }

 private:
  std::shared_ptr<Spool> spool_;
  std::size_t position_ = 0;
};

class SpooledSource final : public DocumentInput::Source {
 public:
  explicit SpooledSource(DocumentInput::ReadFunction read) : spool_(std::make_shared<Spool>()) {
    spool_->read = std::move(read);
  }

  std::optional<std::int64_t> size_bytes() const override { return std::nullopt; }
  absl::StatusOr<std::unique_ptr<DocumentReader>> Open() const override {
    return std::make_unique<SpoolReader>(spool_);
  }

 private:
  std::shared_ptr<Spool> spool_;
};

}  // namespace

DocumentInput::DocumentInput(std::shared_ptr<Source> source, DocumentFormat format)
    : source_(std::move(source)), format_(format) {}

DocumentInput DocumentInput::FromBytes(std::string bytes, DocumentFormat format) {
  return DocumentInput(std::make_shared<BytesSource>(std::move(bytes)), format);
}

DocumentInput DocumentInput::FromFile(const std::string& path, DocumentFormat format) {
  DocumentInput document(std::make_shared<FileSource>(path), format);
  document.id_ = path;
  document.file_name_ = path.substr(path.find_last_of('/') + 1);
  return document;
}

DocumentInput DocumentInput::FromStream(std::shared_ptr<std::istream> stream,
                                        DocumentFormat format) {
  return FromCallback(
      [stream]() -> absl::StatusOr<std::string> {
        std::string bytes(64 * 1024, '\0');
        stream->read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        bytes.resize(static_cast<std::size_t>(stream->gcount()));
        if (stream->bad()) return absl::DataLossError("the document's stream: reading failed");
        return bytes;
      },
      format);
}

DocumentInput DocumentInput::FromCallback(ReadFunction read, DocumentFormat format) {
  return DocumentInput(std::make_shared<SpooledSource>(std::move(read)), format);
}

DocumentInput& DocumentInput::set_id(std::string id) {
  id_ = std::move(id);
  return *this;
}

DocumentInput& DocumentInput::set_file_name(std::string file_name) {
  file_name_ = std::move(file_name);
  return *this;
}

std::optional<std::int64_t> DocumentInput::size_bytes() const { return source_->size_bytes(); }

absl::StatusOr<std::unique_ptr<DocumentReader>> DocumentInput::Open() const {
  return source_->Open();
}

absl::StatusOr<std::string> DocumentInput::ReadAll() const {
  auto reader = Open();
  if (!reader.ok()) return reader.status();
  std::string bytes;
  if (const auto size = size_bytes(); size.has_value()) {
    bytes.reserve(static_cast<std::size_t>(*size));
  }
  std::string chunk;
  while (true) {
    const absl::Status status = (*reader)->Next(std::size_t{1} << 20, chunk);
    if (!status.ok()) return status;
    if (chunk.empty()) return bytes;
    bytes += chunk;
  }
}

}  // namespace strata
