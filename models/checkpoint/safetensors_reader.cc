#include <algorithm>
#include <cstring>
#include <limits>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/mapped_file.h"
#include "models/checkpoint/safetensors.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxHeaderBytes = int64_t{100} << 20;  // the format's own limit

absl::Status Bad(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// Element count of a shape, refused where it is negative or overflows.
absl::StatusOr<int64_t> CheckedElements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (int64_t dimension : shape) {
    if (dimension < 0) return absl::InvalidArgumentError("a dimension is negative");
    if (__builtin_mul_overflow(count, dimension, &count)) {
      return absl::InvalidArgumentError("the shape overflows");
    }
  }
  return count;
}

absl::StatusOr<TensorView> ParseTensor(const Json& entry,
                                       const std::shared_ptr<const MappedFile>& file,
                                       int64_t data_begin) {
  const auto is_size = [](const Json& value) {
    return value.is_number_unsigned() &&
           value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()};
  };
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
      !entry.contains("shape") || !entry["shape"].is_array() || !entry.contains("data_offsets") ||
      !entry["data_offsets"].is_array() || entry["data_offsets"].size() != 2) {
    return absl::InvalidArgumentError("needs dtype, shape and two data_offsets");
  }
  TensorView view;
  auto type = ParseTensorType(entry["dtype"].get_ref<const std::string&>());
  if (!type.ok()) return type.status();
  view.type = *type;
  for (const Json& dimension : entry["shape"]) {
    if (!is_size(dimension)) return absl::InvalidArgumentError("a dimension is no size");
    view.shape.push_back(dimension.get<int64_t>());
  }
  const Json& offsets = entry["data_offsets"];
  if (!is_size(offsets[0]) || !is_size(offsets[1])) {
    return absl::InvalidArgumentError("data_offsets are no sizes");
  }
  const int64_t begin = offsets[0].get<int64_t>();
  const int64_t end = offsets[1].get<int64_t>();
  const int64_t data_bytes = file->size_bytes() - data_begin;
  if (begin > end || end > data_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("data_offsets [", begin, ", ", end,
                                                   "] lie outside the ", data_bytes,
                                                   " bytes of data (truncated file?)"));
  }
  auto elements = CheckedElements(view.shape);
  if (!elements.ok()) return elements.status();
  int64_t expected = 0;
  if (__builtin_mul_overflow(*elements, TensorTypeBytes(view.type), &expected) ||
      expected != end - begin) {
    return absl::InvalidArgumentError(absl::StrCat("shape ", ShapeString(view.shape), " of ",
                                                   std::string(TensorTypeName(view.type)),
                                                   " does not fill ", end - begin, " bytes"));
  }
  view.data = file->data() + data_begin + begin;
  view.size_bytes = end - begin;
  view.owner = file;
  return view;
}

absl::Status CheckDisjoint(const TensorMap& tensors) {
  std::vector<std::tuple<const std::byte*, const std::byte*, const std::string*>> ranges;
  for (const auto& [name, view] : tensors) {
    if (view.size_bytes > 0) ranges.emplace_back(view.data, view.data + view.size_bytes, &name);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (std::get<0>(ranges[i]) < std::get<1>(ranges[i - 1])) {
      return absl::InvalidArgumentError(absl::StrCat("tensors '", *std::get<2>(ranges[i - 1]),
                                                     "' and '", *std::get<2>(ranges[i]),
                                                     "' overlap"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorMap> ReadSafetensors(const std::string& path,
                                          std::map<std::string, std::string>* metadata) {
  auto opened = MappedFile::Open(path);
  if (!opened.ok()) return opened.status();
  const std::shared_ptr<const MappedFile>& file = *opened;
  if (file->size_bytes() < 8) return Bad(path, "too short to be a safetensors file");
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file->data(), 8);
  if (header_bytes > uint64_t{kMaxHeaderBytes} ||
      static_cast<int64_t>(header_bytes) > file->size_bytes() - 8) {
    return Bad(path, absl::StrCat("the header claims ", header_bytes, " bytes, the file has ",
                                  file->size_bytes(), " (truncated, or not a safetensors file)"));
  }
  const char* header_begin = reinterpret_cast<const char*>(file->data()) + 8;
  const Json header = Json::parse(header_begin, header_begin + header_bytes, nullptr, false);
  if (!header.is_object()) return Bad(path, "the header is not a JSON object");
  const int64_t data_begin = 8 + static_cast<int64_t>(header_bytes);
  TensorMap tensors;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (metadata != nullptr && entry.is_object()) {
        for (const auto& [key, value] : entry.items()) {
          if (value.is_string()) (*metadata)[key] = value.get<std::string>();
        }
      }
      continue;
    }
    auto view = ParseTensor(entry, file, data_begin);
    if (!view.ok())
      return Bad(path, absl::StrCat("tensor '", name, "': ", view.status().message()));
    tensors.emplace(name, *std::move(view));
  }
  if (absl::Status status = CheckDisjoint(tensors); !status.ok()) {
    return Bad(path, status.message());
  }
  return tensors;
}

}  // namespace strata::models
