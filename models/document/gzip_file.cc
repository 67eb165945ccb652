#include "models/document/gzip_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {

struct GzipFile::State {
  ~State() {
    if (file != nullptr) std::fclose(file);
    if (is_gzip) inflateEnd(&stream);
  }

  // More input behind what is left of it; false at the end of the file.
  absl::StatusOr<bool> Fill() {
    std::memmove(input.data(), stream.next_in, stream.avail_in);
    stream.next_in = input.data();
    const std::size_t size =
        std::fread(input.data() + stream.avail_in, 1, input.size() - stream.avail_in, file);
    if (size == 0 && std::ferror(file) != 0) return absl::DataLossError(std::strerror(errno));
    stream.avail_in += static_cast<uInt>(size);
    return size > 0;
  }

  // Between two members, which may follow each other; false at the end of the file.
  absl::StatusOr<bool> NextMember() {
    while (true) {
      // Archives on tape are filled up with zeros.
      for (; stream.avail_in > 0 && *stream.next_in == 0; --stream.avail_in) ++stream.next_in;
      if (stream.avail_in >= 2) break;
      const auto more = Fill();
      if (!more.ok()) return more.status();
      if (!*more && stream.avail_in == 0) return false;
      if (!*more) break;
    }
    if (stream.avail_in < 2 || stream.next_in[0] != 0x1f || stream.next_in[1] != 0x8b) {
      return absl::DataLossError("something else follows the gzip data");
    }
    inflateReset(&stream);
    in_member = true;
    return true;
  }

  std::FILE* file = nullptr;
  bool is_gzip = false;
  bool in_member = false;
  std::vector<unsigned char> input = std::vector<unsigned char>(256 << 10);
  z_stream stream = {};
};

GzipFile::GzipFile() : state_(std::make_unique<State>()) {}
GzipFile::~GzipFile() = default;

absl::StatusOr<std::unique_ptr<GzipFile>> GzipFile::Open(const std::string& path) {
  std::unique_ptr<GzipFile> opened(new GzipFile());
  State& state = *opened->state_;
  state.file = std::fopen(path.c_str(), "rbe");
  if (state.file == nullptr) return absl::ErrnoToStatus(errno, path);
  state.stream.next_in = state.input.data();
  const auto any = state.Fill();
  if (!any.ok()) return absl::DataLossError(absl::StrCat(path, ": ", any.status().message()));
  const unsigned char* const start = state.stream.next_in;
  state.is_gzip = state.stream.avail_in >= 2 && start[0] == 0x1f && start[1] == 0x8b;
  // 15 bits of window, 16 more for a gzip header.
  if (state.is_gzip && inflateInit2(&state.stream, 15 + 16) != Z_OK) {
    state.is_gzip = false;
    return absl::ResourceExhaustedError(absl::StrCat(path, ": no memory to unpack it"));
  }
  state.in_member = state.is_gzip;
  return opened;
}

absl::StatusOr<std::size_t> GzipFile::Read(char* buffer, std::size_t size) {
  State& state = *state_;
  z_stream& stream = state.stream;
  if (!state.is_gzip) {
    if (stream.avail_in == 0) {
      const auto more = state.Fill();
      if (!more.ok()) return more.status();
    }
    const std::size_t taken = std::min<std::size_t>(size, stream.avail_in);
    std::memcpy(buffer, stream.next_in, taken);
    stream.next_in += taken;
    stream.avail_in -= static_cast<uInt>(taken);
    return taken;
  }
  stream.next_out = reinterpret_cast<unsigned char*>(buffer);
  stream.avail_out = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
  const uInt room = stream.avail_out;
  while (stream.avail_out == room) {
    if (!state.in_member) {
      const auto more = state.NextMember();
      if (!more.ok()) return more.status();
      if (!*more) return 0;
    }
    if (stream.avail_in == 0) {
      const auto more = state.Fill();
      if (!more.ok()) return more.status();
      if (!*more) return absl::DataLossError("the gzip data are cut off");
    }
    const int code = inflate(&stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      state.in_member = false;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return absl::DataLossError(absl::StrCat(
          "the gzip data are damaged (", stream.msg != nullptr ? stream.msg : "no memory", ")"));
    }
  }
  return room - stream.avail_out;
}

}  // namespace strata::models
