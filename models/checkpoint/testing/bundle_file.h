// Writes TensorFlow checkpoint bundles, byte by byte, for tests.
#ifndef STRATA_MODELS_CHECKPOINT_TESTING_BUNDLE_FILE_H_
#define STRATA_MODELS_CHECKPOINT_TESTING_BUNDLE_FILE_H_

#include <snappy.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/checkpoint/crc32c.h"

namespace strata::models {

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

inline std::string Fixed32(uint32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), 4);
}

inline std::string VarintField(int number, uint64_t value) {
  return Varint(static_cast<uint64_t>(number) << 3) + Varint(value);
}

inline std::string BytesField(int number, const std::string& value) {
  return Varint(static_cast<uint64_t>(number) << 3 | 2) + Varint(value.size()) + value;
}

inline uint32_t MaskedCrc(const std::string& bytes) {
  return MaskCrc32c(Crc32c(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()));
}

// BundleHeaderProto.
inline std::string BundleHeader(int num_shards, int endianness = 0) {
  return VarintField(1, static_cast<uint64_t>(num_shards)) +
         (endianness == 0 ? "" : VarintField(2, static_cast<uint64_t>(endianness))) +
         BytesField(3, VarintField(1, 1));
}

struct BundleEntry {
  int data_type = 1;
  std::vector<int64_t> shape;
  int shard = 0;
  int64_t offset = 0, size = 0;
  uint32_t crc = 0;
  bool has_slices = false;

  // BundleEntryProto; fields at their default are left out.
  std::string Serialize() const {
    std::string dimensions;
    for (int64_t size_of : shape) {
      dimensions += BytesField(2, VarintField(1, static_cast<uint64_t>(size_of)));
    }
    std::string bytes =
        VarintField(1, static_cast<uint64_t>(data_type)) + BytesField(2, dimensions);
    if (shard != 0) bytes += VarintField(3, static_cast<uint64_t>(shard));
    if (offset != 0) bytes += VarintField(4, static_cast<uint64_t>(offset));
    bytes += VarintField(5, static_cast<uint64_t>(size));
    bytes += Varint(6 << 3 | 5) + Fixed32(crc);
    if (has_slices) bytes += BytesField(7, "");
    return bytes;
  }
};

// A table of blocks with `per_block` entries each, keys compressed against the one before.
class TableWriter {
 public:
  explicit TableWriter(bool snappy, size_t per_block = 3)
      : snappy_(snappy), per_block_(per_block) {}

  std::string Write(const std::map<std::string, std::string>& entries) {
    file_.clear();
    std::vector<std::pair<std::string, std::string>> block, index;
    for (const auto& entry : entries) {
      block.push_back(entry);
      if (block.size() == per_block_) Flush(block, index);
    }
    if (!block.empty()) Flush(block, index);
    data_bytes_ = file_.size();
    const std::string meta_handle = AppendBlock({});
    const std::string index_handle = AppendBlock(index);
    std::string footer = meta_handle + index_handle;
    footer.resize(40, '\0');
    const uint64_t magic = 0xdb4775248b80fb57;
    return file_ + footer + std::string(reinterpret_cast<const char*>(&magic), 8);
  }

  // Of the data blocks, at the front of the last table.
  size_t data_bytes() const { return data_bytes_; }

 private:
  void Flush(std::vector<std::pair<std::string, std::string>>& block,
             std::vector<std::pair<std::string, std::string>>& index) {
    const std::string last = block.back().first;
    index.emplace_back(last, AppendBlock(block));
    block.clear();
  }

  // Returns the block's handle.
  std::string AppendBlock(const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string content, last;
    for (const auto& [key, value] : entries) {
      size_t shared = 0;
      while (shared < last.size() && shared < key.size() && last[shared] == key[shared]) ++shared;
      content += Varint(shared) + Varint(key.size() - shared) + Varint(value.size()) +
                 key.substr(shared) + value;
      last = key;
    }
    content += Fixed32(0) + Fixed32(1);  // one restart point, at the front
    std::string stored = content;
    if (snappy_) snappy::Compress(content.data(), content.size(), &stored);
    const std::string handle = Varint(file_.size()) + Varint(stored.size());
    stored.push_back(snappy_ ? 1 : 0);
    file_ += stored + Fixed32(MaskedCrc(stored));
    return handle;
  }

  const bool snappy_;
  const size_t per_block_;
  std::string file_;
  size_t data_bytes_ = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_TESTING_BUNDLE_FILE_H_
