#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

absl::Status WriteAll(int file, const void* data, int64_t size_bytes, const std::string& path) {
  const char* next = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const ssize_t written = ::write(file, next, static_cast<size_t>(size_bytes));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
    next += written;
    size_bytes -= written;
  }
  return absl::OkStatus();
}

std::string Header(const TensorMap& tensors, const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t offset = 0;
  for (const auto& [name, view] : tensors) {
    header[name] = {{"dtype", std::string(TensorTypeName(view.type))},
                    {"shape", view.shape},
                    {"data_offsets", {offset, offset + view.size_bytes}}};
    offset += view.size_bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data starts at a multiple of 8
  return text;
}

}  // namespace

absl::Status WriteSafetensors(const std::string& path, const TensorMap& tensors,
                              const std::map<std::string, std::string>& metadata) {
  const std::string temporary = absl::StrCat(path, ".tmp", ::getpid());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", temporary));
  absl::Cleanup remove_temporary = [&] { ::unlink(temporary.c_str()); };
  {
    absl::Cleanup close_file = [file] { ::close(file); };
    const std::string header = Header(tensors, metadata);
    const uint64_t header_bytes = header.size();
    absl::Status status = WriteAll(file, &header_bytes, 8, temporary);
    if (status.ok()) {
      status = WriteAll(file, header.data(), static_cast<int64_t>(header.size()), temporary);
    }
    for (const auto& [name, view] : tensors) {
      if (status.ok()) status = WriteAll(file, view.data, view.size_bytes, temporary);
    }
    if (!status.ok()) return status;
    if (::fsync(file) != 0)
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot sync ", temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", temporary, " to ", path));
  }
  std::move(remove_temporary).Cancel();
  return absl::OkStatus();
}

}  // namespace strata::models
