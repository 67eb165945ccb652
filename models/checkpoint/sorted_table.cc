#include "models/checkpoint/sorted_table.h"

#include <snappy.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "models/checkpoint/crc32c.h"

namespace strata::models {
namespace {

constexpr size_t kFooterBytes = 48;
constexpr size_t kTrailerBytes = 5;  // compression, checksum
constexpr uint64_t kMagic = 0xdb4775248b80fb57;
// Prefix compression lets a key repeat the last one for nothing; names of variables are short.
constexpr size_t kMaxKeyBytes = 4096;
// Snappy's longest copy is 64 bytes for 3; more growth than this is no Snappy data.
constexpr size_t kMaxSnappyGrowth = 32;

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(what); }

// Takes values off the front of a view; nullopt where it ends too early.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  std::optional<uint64_t> Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::optional<std::string_view> Bytes(uint64_t size) {
    if (size > bytes_.size()) return std::nullopt;
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

uint32_t Little32(const char* bytes) {
  uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

struct Handle {
  uint64_t offset = 0, size = 0;
};

std::optional<Handle> ReadHandle(Cursor& cursor) {
  const auto offset = cursor.Varint();
  if (!offset) return std::nullopt;
  const auto size = cursor.Varint();
  if (!size) return std::nullopt;
  return Handle{*offset, *size};
}

// The content of a block; `buffer` holds it where it had to be decompressed.
absl::Status ReadBlock(std::string_view file, const Handle& handle, std::string& buffer,
                       std::string_view& content) {
  const uint64_t room = file.size() - kFooterBytes;
  if (handle.offset > room || handle.size > room - handle.offset ||
      kTrailerBytes > room - handle.offset - handle.size) {
    return Bad(absl::StrCat("a block of ", handle.size, " bytes at ", handle.offset,
                            " lies outside the table of ", file.size(), " bytes"));
  }
  const std::string_view stored = file.substr(handle.offset, handle.size + 1);
  const uint32_t crc = Crc32c(reinterpret_cast<const std::byte*>(stored.data()), stored.size());
  if (MaskCrc32c(crc) != Little32(stored.data() + stored.size())) {
    return Bad(absl::StrCat("the checksum of the block at ", handle.offset, " is wrong"));
  }
  content = stored.substr(0, handle.size);
  const char compression = stored.back();
  if (compression == 0) return absl::OkStatus();
  if (compression != 1) {
    return Bad(absl::StrCat("the block at ", handle.offset, " has the unknown compression ",
                            static_cast<int>(compression)));
  }
  size_t length = 0;
  if (!snappy::GetUncompressedLength(content.data(), content.size(), &length) ||
      length > kMaxSnappyGrowth * (content.size() + 1)) {
    return Bad(absl::StrCat("the block at ", handle.offset, " is no Snappy data"));
  }
  buffer.resize(length);
  if (!snappy::RawUncompress(content.data(), content.size(), buffer.data())) {
    return Bad(absl::StrCat("the block at ", handle.offset, " is no Snappy data"));
  }
  content = buffer;
  return absl::OkStatus();
}

// Calls `entry` for each entry of a block. A block ends with the places where its keys are whole
// and their number; reading from the front needs neither.
absl::Status ReadEntries(
    std::string_view block,
    absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> entry) {
  if (block.size() < 4) return Bad("a block is too short");
  const uint64_t restarts = Little32(block.data() + block.size() - 4);
  if (restarts > (block.size() - 4) / 4) return Bad("a block's restart points lie outside it");
  Cursor cursor(block.substr(0, block.size() - 4 - 4 * restarts));
  std::string key;
  for (bool is_first = true; !cursor.empty(); is_first = false) {
    const auto shared = cursor.Varint();
    const auto own = shared ? cursor.Varint() : std::nullopt;
    const auto value_size = own ? cursor.Varint() : std::nullopt;
    const auto rest = value_size ? cursor.Bytes(*own) : std::nullopt;
    const auto value = rest ? cursor.Bytes(*value_size) : std::nullopt;
    if (!value || *shared > key.size()) return Bad("an entry is cut off");
    std::string next = key.substr(0, *shared);
    next.append(*rest);
    if (next.size() > kMaxKeyBytes) return Bad("a key is too long for the name of a variable");
    if (!is_first && next <= key) return Bad(absl::StrCat("key '", next, "' is out of order"));
    key = std::move(next);
    if (absl::Status status = entry(key, *value); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadSortedTable(
    absl::Span<const std::byte> file,
    absl::FunctionRef<absl::Status(std::string_view key, std::string_view value)> entry) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  if (bytes.size() < kFooterBytes) return Bad("too short to be a table (truncated?)");
  const std::string_view footer = bytes.substr(bytes.size() - kFooterBytes);
  uint64_t magic;
  std::memcpy(&magic, footer.data() + kFooterBytes - 8, sizeof magic);
  if (magic != kMagic) return Bad("it does not end as a table does (truncated, or another format)");
  Cursor cursor(footer.substr(0, kFooterBytes - 8));
  const auto meta = ReadHandle(cursor);  // filters, which reading from front to end needs not
  const auto index = meta ? ReadHandle(cursor) : std::nullopt;
  if (!index) return Bad("the footer is damaged");

  std::string index_buffer, data_buffer, last;
  std::string_view index_block;
  if (absl::Status status = ReadBlock(bytes, *index, index_buffer, index_block); !status.ok()) {
    return status;
  }
  bool is_first = true;
  const auto checked = [&](std::string_view key, std::string_view value) -> absl::Status {
    if (!is_first && key <= last)
      return Bad(absl::StrCat("key '", std::string(key), "' is out of order"));
    is_first = false;
    last.assign(key);
    return entry(key, value);
  };
  return ReadEntries(index_block, [&](std::string_view, std::string_view value) -> absl::Status {
    Cursor place(value);
    const auto handle = ReadHandle(place);
    if (!handle) return Bad("an entry of the index is damaged");
    std::string_view block;
    absl::Status status = ReadBlock(bytes, *handle, data_buffer, block);
    return status.ok() ? ReadEntries(block, checked) : status;
  });
}

}  // namespace strata::models
