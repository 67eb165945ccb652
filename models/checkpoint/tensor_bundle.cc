#include "models/checkpoint/tensor_bundle.h"

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/checkpoint/crc32c.h"
#include "models/checkpoint/mapped_file.h"
#include "models/checkpoint/proto_fields.h"
#include "models/checkpoint/sorted_table.h"

namespace strata::models {
namespace {

constexpr char kObjectGraph[] = "_CHECKPOINTABLE_OBJECT_GRAPH";
constexpr int64_t kMaxShards = 100000;  // what five digits can name
constexpr size_t kMaxVariables = 1 << 20;

// DataType of types.proto.
constexpr std::pair<int64_t, TensorType> kTypes[] = {
    {1, TensorType::kFloat32}, {2, TensorType::kFloat64}, {3, TensorType::kInt32},
    {4, TensorType::kUInt8},   {5, TensorType::kInt16},   {6, TensorType::kInt8},
    {9, TensorType::kInt64},   {10, TensorType::kBool},   {14, TensorType::kBFloat16},
    {19, TensorType::kFloat16}};
constexpr int64_t kStringType = 7;

std::optional<TensorType> TypeOf(int64_t data_type) {
  for (const auto& [number, type] : kTypes) {
    if (number == data_type) return type;
  }
  return std::nullopt;
}

// BundleEntryProto.
struct Entry {
  int64_t data_type = 0;
  std::vector<int64_t> shape;
  bool has_unknown_rank = false;
  int64_t shard = 0, offset = 0, size = 0;
  uint32_t crc = 0;
  bool has_slices = false;
};

// TensorShapeProto: repeated Dim dim = 2 { size = 1, name = 2 }, unknown_rank = 3.
bool ParseShape(std::string_view bytes, Entry& entry) {
  ProtoFields fields(bytes);
  while (fields.Next()) {
    if (fields.number() == 3) entry.has_unknown_rank = fields.integer() != 0;
    if (fields.number() != 2) continue;
    ProtoFields dimension(fields.bytes());
    int64_t size = 0;
    while (dimension.Next()) {
      if (dimension.number() == 1) size = dimension.integer();
    }
    if (!dimension.is_good()) return false;
    entry.shape.push_back(size);
  }
  return fields.is_good();
}

bool ParseEntry(std::string_view bytes, Entry& entry) {
  ProtoFields fields(bytes);
  while (fields.Next()) {
    switch (fields.number()) {
      case 1:
        entry.data_type = fields.integer();
        break;
      case 2:
        if (!ParseShape(fields.bytes(), entry)) return false;
        break;
      case 3:
        entry.shard = fields.integer();
        break;
      case 4:
        entry.offset = fields.integer();
        break;
      case 5:
        entry.size = fields.integer();
        break;
      case 6:
        entry.crc = static_cast<uint32_t>(fields.integer());
        break;
      case 7:
        entry.has_slices = true;
        break;
      default:
        break;
    }
  }
  return fields.is_good();
}

class BundleReader {
 public:
  explicit BundleReader(std::string prefix) : prefix_(std::move(prefix)) {}

  // The entry of the empty key: num_shards = 1, endianness = 2 (0: little), version = 3.
  absl::Status ReadHeader(std::string_view bytes);
  absl::Status ReadVariable(const std::string& name, std::string_view bytes);

  bool has_header() const { return num_shards_ > 0; }
  TensorMap TakeTensors() { return std::move(tensors_); }

 private:
  absl::StatusOr<std::shared_ptr<const MappedFile>> Shard(int64_t shard);

  const std::string prefix_;
  int64_t num_shards_ = 0;
  std::map<int64_t, std::shared_ptr<const MappedFile>> shards_;
  TensorMap tensors_;
};

absl::Status BundleReader::ReadHeader(std::string_view bytes) {
  int64_t num_shards = 0, endianness = 0;
  ProtoFields fields(bytes);
  while (fields.Next()) {
    if (fields.number() == 1) num_shards = fields.integer();
    if (fields.number() == 2) endianness = fields.integer();
  }
  if (!fields.is_good() || num_shards < 1 || num_shards > kMaxShards) {
    return absl::InvalidArgumentError("the bundle's header is damaged");
  }
  if (endianness != 0) return absl::InvalidArgumentError("the data is big-endian");
  num_shards_ = num_shards;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const MappedFile>> BundleReader::Shard(int64_t shard) {
  std::shared_ptr<const MappedFile>& file = shards_[shard];
  if (file == nullptr) {
    auto opened =
        MappedFile::Open(absl::StrFormat("%s.data-%05d-of-%05d", prefix_, shard, num_shards_));
    if (!opened.ok()) return opened.status();
    file = *std::move(opened);
  }
  return file;
}

absl::Status BundleReader::ReadVariable(const std::string& name, std::string_view bytes) {
  const auto refuse = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("variable '", absl::CHexEscape(name), "' ", what));
  };
  Entry entry;
  if (!ParseEntry(bytes, entry)) return refuse("has a damaged entry");
  if (entry.has_slices) {
    return refuse("is stored in slices; save the checkpoint without partitioned variables");
  }
  if (entry.data_type == kStringType) {
    if (name == kObjectGraph) return absl::OkStatus();
    return refuse("holds strings, which are no weights");
  }
  const auto type = TypeOf(entry.data_type);
  if (!type) return refuse(absl::StrCat("has type ", entry.data_type, ", which is not known"));
  int64_t size = TensorTypeBytes(*type);
  bool is_bad = entry.has_unknown_rank;
  for (int64_t dimension : entry.shape) {
    is_bad = is_bad || dimension < 0 || __builtin_mul_overflow(size, dimension, &size);
  }
  if (is_bad || size != entry.size) {
    return refuse(absl::StrCat("of shape ", ShapeString(entry.shape), " and type ",
                               std::string(TensorTypeName(*type)), " does not fill ", entry.size,
                               " bytes"));
  }
  if (entry.shard < 0 || entry.shard >= num_shards_) {
    return refuse(absl::StrCat("is in shard ", entry.shard, " of ", num_shards_));
  }
  auto file = Shard(entry.shard);
  if (!file.ok()) return file.status();
  if (entry.offset < 0 || entry.offset > (*file)->size_bytes() ||
      size > (*file)->size_bytes() - entry.offset) {
    return refuse(absl::StrCat("[", entry.offset, ", +", size, ") lies outside the ",
                               (*file)->size_bytes(), " bytes of its shard (truncated file?)"));
  }
  TensorView view;
  view.type = *type;
  view.shape = entry.shape;
  view.data = (*file)->data() + entry.offset;
  view.size_bytes = size;
  view.owner = *file;
  if (MaskCrc32c(Crc32c(view.data, static_cast<size_t>(size))) != entry.crc) {
    return refuse("has a wrong checksum; the file is damaged");
  }
  tensors_.emplace(name, std::move(view));
  if (tensors_.size() > kMaxVariables) return refuse("is one of too many");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorMap> ReadTensorBundle(const std::string& prefix) {
  const std::string path = absl::StrCat(prefix, ".index");
  auto index = MappedFile::Open(path);
  if (!index.ok()) return index.status();
  BundleReader reader(prefix);
  const absl::Status status =
      ReadSortedTable({(*index)->data(), static_cast<size_t>((*index)->size_bytes())},
                      [&](std::string_view key, std::string_view value) -> absl::Status {
                        if (key.empty()) return reader.ReadHeader(value);  // the first of all
                        if (!reader.has_header())
                          return absl::InvalidArgumentError("the bundle has no header");
                        return reader.ReadVariable(std::string(key), value);
                      });
  if (!status.ok()) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  }
  if (!reader.has_header()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the bundle has no header"));
  }
  return reader.TakeTensors();
}

}  // namespace strata::models
