#include "models/checkpoint/torch_checkpoint.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/checkpoint/pickle.h"
#include "models/checkpoint/zip_archive.h"

namespace strata::models {
namespace {

using Kind = PickleValue::Kind;

constexpr int64_t kMaxPickleBytes = int64_t{16} << 20;
constexpr size_t kMaxRank = 16;

constexpr std::pair<const char*, TensorType> kStorages[] = {
    {"torch.BoolStorage", TensorType::kBool},     {"torch.ByteStorage", TensorType::kUInt8},
    {"torch.CharStorage", TensorType::kInt8},     {"torch.ShortStorage", TensorType::kInt16},
    {"torch.IntStorage", TensorType::kInt32},     {"torch.LongStorage", TensorType::kInt64},
    {"torch.HalfStorage", TensorType::kFloat16},  {"torch.BFloat16Storage", TensorType::kBFloat16},
    {"torch.FloatStorage", TensorType::kFloat32}, {"torch.DoubleStorage", TensorType::kFloat64},
};

constexpr char kRebuildTensor[] = "torch._utils._rebuild_tensor";
constexpr char kRebuildTensorV2[] = "torch._utils._rebuild_tensor_v2";
constexpr char kRebuildParameter[] = "torch._utils._rebuild_parameter";
constexpr char kRebuildParameterWithState[] = "torch._utils._rebuild_parameter_with_state";
constexpr char kRebuildFromType[] = "torch._tensor._rebuild_from_type_v2";

constexpr const char* kOtherNames[] = {
    "collections.OrderedDict",  kRebuildTensor,   kRebuildTensorV2, kRebuildParameter,
    kRebuildParameterWithState, kRebuildFromType, "torch.Tensor",   "torch.nn.parameter.Parameter"};

// What outer dicts call the state dict, the likeliest first.
constexpr const char* kStateNames[] = {"state_dict", "model_state_dict", "model_state", "model",
                                       "module"};

std::optional<TensorType> StorageType(const std::string& name) {
  for (const auto& [storage, type] : kStorages) {
    if (name == storage) return type;
  }
  return std::nullopt;
}

bool IsAllowed(const std::string& name) {
  return StorageType(name).has_value() ||
         std::any_of(std::begin(kOtherNames), std::end(kOtherNames),
                     [&](const char* allowed) { return name == allowed; });
}

bool IsTensor(const PickleValue& value) {
  return value.Is(Kind::kCall) && absl::StrContains(value.items[0]->text, "._rebuild_");
}

bool HoldsTensors(const PickleValue& value) {
  if (!value.Is(Kind::kDict)) return false;
  for (size_t i = 1; i < value.items.size(); i += 2) {
    if (IsTensor(*value.items[i])) return true;
  }
  return false;
}

// The dict of tensors: the root, or the one below it.
absl::StatusOr<const PickleValue*> FindStateDict(const PickleValue& root) {
  if (HoldsTensors(root)) return &root;
  std::map<std::string, const PickleValue*> found;
  if (root.Is(Kind::kDict)) {
    for (size_t i = 0; i + 1 < root.items.size(); i += 2) {
      if (root.items[i]->Is(Kind::kText) && HoldsTensors(*root.items[i + 1])) {
        found[root.items[i]->text] = root.items[i + 1];
      }
    }
  }
  for (const char* name : kStateNames) {
    if (const auto state = found.find(name); state != found.end()) return state->second;
  }
  if (found.size() == 1) return found.begin()->second;
  if (found.empty()) return absl::InvalidArgumentError("holds no dict of tensors");
  return absl::InvalidArgumentError(absl::StrCat(
      "holds several dicts of tensors (",
      absl::StrJoin(found, ", ", [](std::string* out, const auto& one) { *out += one.first; }),
      ") and none is called ", absl::StrJoin(kStateNames, ", ")));
}

class TorchReader {
 public:
  TorchReader(const ZipArchive& archive, std::string prefix, int64_t file_bytes)
      : archive_(archive),
        prefix_(std::move(prefix)),
        storage_budget_(file_bytes),
        copy_budget_(2 * file_bytes + (1 << 20)) {}

  absl::StatusOr<TensorView> Read(const PickleValue& value);

 private:
  struct Storage {
    TensorType type = TensorType::kFloat32;
    int64_t num_elements = 0;
    ZipEntry bytes;
  };

  absl::StatusOr<const Storage*> ReadStorage(const PickleValue& id);
  absl::StatusOr<TensorView> Rebuild(const std::vector<const PickleValue*>& arguments);
  absl::StatusOr<TensorView> CopyStrided(const Storage& storage, int64_t offset,
                                         std::vector<int64_t> shape,
                                         const std::vector<int64_t>& strides, int64_t elements);

  const ZipArchive& archive_;
  const std::string prefix_;  // "NAME/"
  int64_t storage_budget_;    // bytes that storages may still take: entries may overlap in a file
  int64_t copy_budget_;       // bytes that strided tensors may still take
  std::map<std::string, Storage> storages_;
};

// Unwraps a parameter or a tensor with attributes down to the call that builds the tensor.
absl::StatusOr<TensorView> TorchReader::Read(const PickleValue& value) {
  const PickleValue* call = &value;
  for (int depth = 0; depth < 4 && call->Is(Kind::kCall); ++depth) {
    const std::string& callee = call->items[0]->text;
    const std::vector<const PickleValue*>& arguments = call->items[1]->items;
    if (callee == kRebuildTensorV2 || callee == kRebuildTensor) return Rebuild(arguments);
    if (callee == kRebuildFromType) {  // function, type, arguments, attributes
      if (arguments.size() < 3 || !arguments[0]->Is(Kind::kGlobal) ||
          !arguments[2]->Is(Kind::kTuple) ||
          (arguments[0]->text != kRebuildTensorV2 && arguments[0]->text != kRebuildTensor)) {
        break;
      }
      return Rebuild(arguments[2]->items);
    }
    if (arguments.empty()) break;
    call = arguments[0];
  }
  return absl::InvalidArgumentError("is not built as a tensor is");
}

absl::StatusOr<std::vector<int64_t>> Sizes(const PickleValue& value, const char* what) {
  std::vector<int64_t> sizes;
  bool good = value.Is(Kind::kTuple) && value.items.size() <= kMaxRank;
  for (const PickleValue* item : value.items) {
    good = good && item->Is(Kind::kInt) && item->integer >= 0;
    if (good) sizes.push_back(item->integer);
  }
  if (!good) return absl::InvalidArgumentError(absl::StrCat("its ", what, " is no list of sizes"));
  return sizes;
}

absl::StatusOr<TensorView> TorchReader::Rebuild(const std::vector<const PickleValue*>& arguments) {
  // storage, offset, size, stride, then what only training needs
  if (arguments.size() < 4 || !arguments[0]->Is(Kind::kPersistent) ||
      !arguments[1]->Is(Kind::kInt)) {
    return absl::InvalidArgumentError("needs a storage, an offset, a size and a stride");
  }
  auto storage = ReadStorage(*arguments[0]);
  if (!storage.ok()) return storage.status();
  auto shape = Sizes(*arguments[2], "shape");
  if (!shape.ok()) return shape.status();
  auto strides = Sizes(*arguments[3], "stride");
  if (!strides.ok()) return strides.status();
  if (shape->size() != strides->size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", shape->size(), " dimensions and ", strides->size(), " strides"));
  }
  const int64_t offset = arguments[1]->integer;
  int64_t elements = 1, last = offset, dense = 1;  // last: the largest element index that is read
  bool is_row_major = true, overflow = offset < 0;
  for (size_t d = shape->size(); d-- > 0;) {
    const int64_t size = (*shape)[d], stride = (*strides)[d];
    is_row_major &= size == 1 || stride == dense;
    int64_t reach = 0;
    overflow |= __builtin_mul_overflow(std::max<int64_t>(size - 1, 0), stride, &reach) ||
                __builtin_add_overflow(last, reach, &last) ||
                __builtin_mul_overflow(elements, size, &elements) ||
                __builtin_mul_overflow(dense, std::max<int64_t>(size, 1), &dense);
  }
  const int64_t available = (*storage)->num_elements;
  if (overflow || offset > available || (elements > 0 && last >= available)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeString(*shape), " with stride ", ShapeString(*strides), " at offset ",
        offset, " lies outside its storage of ", available, " elements"));
  }
  if (!is_row_major && elements > 0) {
    return CopyStrided(**storage, offset, *std::move(shape), *strides, elements);
  }
  TensorView view;
  view.type = (*storage)->type;
  view.shape = *std::move(shape);
  view.data = (*storage)->bytes.data.get() + offset * TensorTypeBytes(view.type);
  view.size_bytes = elements * TensorTypeBytes(view.type);
  view.owner = (*storage)->bytes.data;
  return view;
}

absl::StatusOr<TensorView> TorchReader::CopyStrided(const Storage& storage, int64_t offset,
                                                    std::vector<int64_t> shape,
                                                    const std::vector<int64_t>& strides,
                                                    int64_t elements) {
  const int64_t width = TensorTypeBytes(storage.type);
  // An expanded tensor (stride 0) can claim any size; a real one fits into its storage.
  if (elements > storage.num_elements) {
    return absl::InvalidArgumentError(absl::StrCat("repeats its storage: ", elements,
                                                   " elements out of ", storage.num_elements,
                                                   "; save it as a contiguous tensor"));
  }
  copy_budget_ -= elements * width;
  if (copy_budget_ < 0) {
    return absl::InvalidArgumentError(
        "is one of too many strided tensors over the same storage; save them as contiguous ones");
  }
  auto copy = std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(elements * width));
  const std::byte* source = storage.bytes.data.get() + offset * width;
  std::byte* next = copy.get();
  std::vector<int64_t> index(shape.size(), 0);
  int64_t place = 0;  // Σ index · stride
  for (int64_t n = 0; n < elements; ++n) {
    std::memcpy(next, source + place * width, static_cast<size_t>(width));
    next += width;
    for (size_t d = shape.size(); d-- > 0;) {
      place += strides[d];
      if (++index[d] < shape[d]) break;
      place -= index[d] * strides[d];
      index[d] = 0;
    }
  }
  TensorView view;
  view.type = storage.type;
  view.shape = std::move(shape);
  view.size_bytes = elements * width;
  const std::shared_ptr<const std::byte[]> owner = std::move(copy);
  view.data = owner.get();
  view.owner = owner;
  return view;
}

absl::StatusOr<const TorchReader::Storage*> TorchReader::ReadStorage(const PickleValue& id) {
  // ("storage", class, key, device, number of elements)
  const PickleValue& tuple = *id.items[0];
  if (!tuple.Is(Kind::kTuple) || tuple.items.size() < 5 || !tuple.items[0]->Is(Kind::kText) ||
      tuple.items[0]->text != "storage" || !tuple.items[1]->Is(Kind::kGlobal) ||
      !tuple.items[2]->Is(Kind::kText) || !tuple.items[4]->Is(Kind::kInt) ||
      tuple.items[4]->integer < 0) {
    return absl::InvalidArgumentError("names its storage in a form that is not known");
  }
  const auto type = StorageType(tuple.items[1]->text);
  if (!type) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", tuple.items[1]->text, "' is no storage of a known element type"));
  }
  const std::string& key = tuple.items[2]->text;
  const int64_t elements = tuple.items[4]->integer;
  const auto [place, is_new] = storages_.try_emplace(key);
  Storage& storage = place->second;
  if (is_new) {
    auto bytes = archive_.Read(absl::StrCat(prefix_, "data/", key), storage_budget_);
    if (!bytes.ok()) return bytes.status();
    storage_budget_ -= bytes->size_bytes;
    storage = {*type, elements, *std::move(bytes)};
  }
  int64_t expected = 0;
  if (storage.type != *type || storage.num_elements != elements ||
      __builtin_mul_overflow(elements, TensorTypeBytes(*type), &expected) ||
      expected != storage.bytes.size_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("storage ", key, " of ", elements, " ",
                                                   std::string(TensorTypeName(*type)), " has ",
                                                   storage.bytes.size_bytes, " bytes in the file"));
  }
  return &storage;
}

// "NAME/" of the archive's one NAME/data.pkl.
absl::StatusOr<std::string> FindPrefix(const ZipArchive& archive) {
  std::vector<std::string> found;
  for (const std::string& name : archive.names()) {
    if (name == "data.pkl" || absl::EndsWith(name, "/data.pkl")) found.push_back(name);
  }
  if (found.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("holds ", found.size(), " data.pkl; a file of torch.save has one"));
  }
  return found[0].substr(0, found[0].size() - sizeof("data.pkl") + 1);
}

absl::Status CheckByteOrder(const ZipArchive& archive, const std::string& prefix) {
  const std::string name = absl::StrCat(prefix, "byteorder");
  if (!archive.Contains(name)) return absl::OkStatus();
  auto entry = archive.Read(name, 64);
  if (!entry.ok()) return entry.status();
  const std::string order(reinterpret_cast<const char*>(entry->data.get()),
                          static_cast<size_t>(entry->size_bytes));
  if (absl::StripAsciiWhitespace(order) == "little") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("was written with byte order '", order, "'; only little is read"));
}

// A pickle without an archive around it begins with its protocol.
bool IsBarePickle(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return file.get() == 0x80 && file.get() <= 5;
}

}  // namespace

absl::StatusOr<TensorMap> ReadTorchCheckpoint(const std::string& path) {
  const auto refuse = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(path, " ", what));
  };
  if (IsBarePickle(path)) {
    return refuse(
        "is in the form of PyTorch before 1.6, without an archive; load it there and save it again "
        "with torch.save");
  }
  auto archive = ZipArchive::Open(path);
  if (!archive.ok()) return archive.status();
  auto prefix = FindPrefix(*archive);
  if (!prefix.ok()) return refuse(prefix.status().message());
  if (absl::Status status = CheckByteOrder(*archive, *prefix); !status.ok()) {
    return refuse(status.message());
  }
  auto bytes = archive->Read(absl::StrCat(*prefix, "data.pkl"), kMaxPickleBytes);
  if (!bytes.ok()) return bytes.status();
  auto pickle =
      Pickle::Parse({bytes->data.get(), static_cast<size_t>(bytes->size_bytes)}, IsAllowed);
  if (!pickle.ok()) return refuse(pickle.status().message());
  auto state = FindStateDict(pickle->root());
  if (!state.ok()) return refuse(state.status().message());

  std::error_code error;
  TorchReader reader(*archive, *prefix,
                     static_cast<int64_t>(std::filesystem::file_size(path, error)));
  TensorMap tensors;
  for (size_t i = 0; i + 1 < (*state)->items.size(); i += 2) {
    const PickleValue& key = *(*state)->items[i];
    const PickleValue& value = *(*state)->items[i + 1];
    if (!IsTensor(value)) continue;  // an epoch's number and the like
    if (!key.Is(Kind::kText)) return refuse("holds a tensor whose key is no string");
    auto view = reader.Read(value);
    if (!view.ok()) {
      return refuse(absl::StrCat("tensor '", key.text, "': ", view.status().message()));
    }
    if (!tensors.emplace(key.text, *std::move(view)).second) {
      return refuse(absl::StrCat("holds the tensor '", key.text, "' twice"));
    }
  }
  return tensors;
}

}  // namespace strata::models
