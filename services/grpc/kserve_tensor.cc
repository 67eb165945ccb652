#include "services/grpc/kserve_tensor.h"

#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

// Numbers go to and from the wire as they stand in memory.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

using inference::InferTensorContents;
using inference::ModelInferRequest;
using InputTensor = ModelInferRequest::InferInputTensor;

// The field of InferTensorContents that holds a datatype.
enum class Field : uint8_t { kNone, kBool, kInt, kInt64, kUint, kUint64, kFloat, kDouble, kBytes };

struct DataType {
  std::string_view name;
  int64_t size_bytes;  // 0: each element has its own
  Field field;
  int64_t min = 0, max = 0;  // of what shares a wider field
};

constexpr DataType kDataTypes[] = {
    {"BOOL", 1, Field::kBool},
    {"UINT8", 1, Field::kUint, 0, std::numeric_limits<uint8_t>::max()},
    {"UINT16", 2, Field::kUint, 0, std::numeric_limits<uint16_t>::max()},
    {"UINT32", 4, Field::kUint, 0, std::numeric_limits<uint32_t>::max()},
    {"UINT64", 8, Field::kUint64},
    {"INT8", 1, Field::kInt, std::numeric_limits<int8_t>::min(),
     std::numeric_limits<int8_t>::max()},
    {"INT16", 2, Field::kInt, std::numeric_limits<int16_t>::min(),
     std::numeric_limits<int16_t>::max()},
    {"INT32", 4, Field::kInt, std::numeric_limits<int32_t>::min(),
     std::numeric_limits<int32_t>::max()},
    {"INT64", 8, Field::kInt64},
    {"FP16", 2, Field::kNone},
    {"BF16", 2, Field::kNone},
    {"FP32", 4, Field::kFloat},
    {"FP64", 8, Field::kDouble},
    {"BYTES", 0, Field::kBytes},
};

absl::Status BadTensor(const std::string& field, const std::string& message) {
  return runtime::WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", message)),
                             {.reason = "INVALID_TENSOR", .field = field});
}

const DataType* FindDataType(const std::string& name) {
  for (const DataType& type : kDataTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

struct FieldSize {
  Field field;
  const char* name;
  int64_t size;
};

// Every field of `contents`.
std::vector<FieldSize> FieldSizes(const InferTensorContents& contents) {
  return {{Field::kBool, "bool_contents", contents.bool_contents_size()},
          {Field::kInt, "int_contents", contents.int_contents_size()},
          {Field::kInt64, "int64_contents", contents.int64_contents_size()},
          {Field::kUint, "uint_contents", contents.uint_contents_size()},
          {Field::kUint64, "uint64_contents", contents.uint64_contents_size()},
          {Field::kFloat, "fp32_contents", contents.fp32_contents_size()},
          {Field::kDouble, "fp64_contents", contents.fp64_contents_size()},
          {Field::kBytes, "bytes_contents", contents.bytes_contents_size()}};
}

template <typename Values>
absl::Status CheckRange(const Values& values, const DataType& type, const std::string& field) {
  for (int i = 0; i < values.size(); ++i) {
    const auto value = static_cast<int64_t>(values.Get(i));
    if (value < type.min || value > type.max) {
      return BadTensor(absl::StrCat(field, "[", i, "]"),
                       absl::StrCat(value, " is no ", std::string(type.name)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTyped(const InputTensor& tensor, const DataType& type, int64_t num_elements,
                        const std::string& field) {
  if (type.field == Field::kNone) {
    return BadTensor(
        absl::StrCat(field, ".contents"),
        absl::StrCat(std::string(type.name), " has no typed contents; send raw_input_contents"));
  }
  for (const FieldSize& part : FieldSizes(tensor.contents())) {
    const std::string path = absl::StrCat(field, ".contents.", part.name);
    if (part.field != type.field) {
      if (part.size == 0) continue;
      return BadTensor(path, absl::StrCat("is not for ", std::string(type.name)));
    }
    if (part.size != num_elements) {
      return BadTensor(path,
                       absl::StrCat("has ", part.size, " elements; the shape has ", num_elements));
    }
    if (type.field == Field::kInt) {
      return CheckRange(tensor.contents().int_contents(), type, path);
    }
    if (type.field == Field::kUint) {
      return CheckRange(tensor.contents().uint_contents(), type, path);
    }
  }
  return absl::OkStatus();
}

// Takes one element off `raw`; false if it is cut short.
bool TakeElement(std::string_view& raw, std::string_view& element) {
  if (raw.size() < sizeof(uint32_t)) return false;
  uint32_t size = 0;
  std::memcpy(&size, raw.data(), sizeof(size));
  raw.remove_prefix(sizeof(uint32_t));
  if (size > raw.size()) return false;
  element = raw.substr(0, size);
  raw.remove_prefix(size);
  return true;
}

absl::Status CheckRaw(std::string_view raw, const DataType& type, int64_t num_elements,
                      const std::string& field) {
  if (type.size_bytes > 0) {
    // Neither factor can make the product overflow: 2^31 elements of 8 bytes at most.
    if (static_cast<int64_t>(raw.size()) == num_elements * type.size_bytes) {
      return absl::OkStatus();
    }
    return BadTensor(
        field, absl::StrCat("has ", raw.size(), " bytes; ", num_elements, " elements of ",
                            std::string(type.name), " have ", num_elements * type.size_bytes));
  }
  std::string_view rest = raw;
  for (int64_t i = 0; i < num_elements; ++i) {
    std::string_view element;
    if (!TakeElement(rest, element)) {
      return BadTensor(field, absl::StrCat("element ", i, " of ", num_elements,
                                           " is cut short: each is a length of four bytes, "
                                           "little-endian, and so many bytes"));
    }
  }
  if (rest.empty()) return absl::OkStatus();
  return BadTensor(
      field, absl::StrCat(rest.size(), " bytes follow the last of ", num_elements, " elements"));
}

inference::ModelInferResponse::InferOutputTensor* AddOutput(
    const std::string& name, const char* datatype, const std::vector<int64_t>& shape,
    inference::ModelInferResponse* response) {
  auto* output = response->add_outputs();
  output->set_name(name);
  output->set_datatype(datatype);
  for (const int64_t size : shape) output->add_shape(size);
  return output;
}

}  // namespace

absl::StatusOr<int64_t> NumElements(const InputTensor& tensor, const std::string& field) {
  if (tensor.shape_size() > kMaxTensorRank) {
    return BadTensor(absl::StrCat(field, ".shape"),
                     absl::StrCat("has ", tensor.shape_size(), " dimensions; at most ",
                                  kMaxTensorRank, " are allowed"));
  }
  for (int d = 0; d < tensor.shape_size(); ++d) {
    if (tensor.shape(d) < 0) {
      return BadTensor(absl::StrCat(field, ".shape[", d, "]"),
                       absl::StrCat("is ", tensor.shape(d), "; a request gives 0 or more"));
    }
  }
  int64_t product = 1;
  for (const int64_t size : tensor.shape()) {
    if (size == 0) return 0;
    if (product > kMaxTensorElements / size) {
      return BadTensor(absl::StrCat(field, ".shape"),
                       absl::StrCat("has more than ", kMaxTensorElements, " elements"));
    }
    product *= size;
  }
  return product;
}

absl::Status CheckInputs(const ModelInferRequest& request) {
  const bool raw = request.raw_input_contents_size() > 0;
  if (raw && request.raw_input_contents_size() != request.inputs_size()) {
    return BadTensor("raw_input_contents",
                     absl::StrCat("has ", request.raw_input_contents_size(), " entries for ",
                                  request.inputs_size(), " inputs"));
  }
  std::set<std::string_view> names;
  for (int i = 0; i < request.inputs_size(); ++i) {
    const InputTensor& tensor = request.inputs(i);
    const std::string field = absl::StrCat("inputs[", i, "]");
    if (!names.insert(tensor.name()).second) {
      return BadTensor(absl::StrCat(field, ".name"),
                       absl::StrCat("'", tensor.name(), "' is given twice"));
    }
    const DataType* const type = FindDataType(tensor.datatype());
    if (type == nullptr) {
      return BadTensor(absl::StrCat(field, ".datatype"),
                       absl::StrCat("'", tensor.datatype(), "' is unknown"));
    }
    absl::StatusOr<int64_t> num_elements = NumElements(tensor, field);
    if (!num_elements.ok()) return num_elements.status();
    if (raw && tensor.has_contents()) {
      for (const FieldSize& part : FieldSizes(tensor.contents())) {
        if (part.size == 0) continue;
        return BadTensor(absl::StrCat(field, ".contents"),
                         "must be empty where raw_input_contents is used");
      }
    }
    const absl::Status status = raw ? CheckRaw(request.raw_input_contents(i), *type, *num_elements,
                                               absl::StrCat("raw_input_contents[", i, "]"))
                                    : CheckTyped(tensor, *type, *num_elements, field);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

std::vector<std::string_view> BytesElements(const ModelInferRequest& request, int input) {
  std::vector<std::string_view> elements;
  if (request.raw_input_contents_size() == 0) {
    for (const std::string& element : request.inputs(input).contents().bytes_contents()) {
      elements.push_back(element);
    }
    return elements;
  }
  std::string_view rest = request.raw_input_contents(input);
  for (std::string_view element; !rest.empty() && TakeElement(rest, element);) {
    elements.push_back(element);
  }
  return elements;
}

void AddBytesOutput(const std::string& name, const std::vector<int64_t>& shape,
                    absl::Span<const std::string> elements, bool raw,
                    inference::ModelInferResponse* response) {
  auto* output = AddOutput(name, "BYTES", shape, response);
  if (!raw) {
    for (const std::string& element : elements) {
      output->mutable_contents()->add_bytes_contents(element);
    }
    return;
  }
  std::string* const bytes = response->add_raw_output_contents();
  for (const std::string& element : elements) {
    const auto size = static_cast<uint32_t>(element.size());
    bytes->append(reinterpret_cast<const char*>(&size), sizeof(size));
    bytes->append(element);
  }
}

void AddFloatOutput(const std::string& name, const std::vector<int64_t>& shape,
                    absl::Span<const float> elements, bool raw,
                    inference::ModelInferResponse* response) {
  auto* output = AddOutput(name, "FP32", shape, response);
  if (raw) {
    response->add_raw_output_contents(elements.data(), elements.size() * sizeof(float));
  } else {
    output->mutable_contents()->mutable_fp32_contents()->Add(elements.begin(), elements.end());
  }
}

void AddInt64Output(const std::string& name, const std::vector<int64_t>& shape,
                    absl::Span<const int64_t> elements, bool raw,
                    inference::ModelInferResponse* response) {
  auto* output = AddOutput(name, "INT64", shape, response);
  if (raw) {
    response->add_raw_output_contents(elements.data(), elements.size() * sizeof(int64_t));
  } else {
    output->mutable_contents()->mutable_int64_contents()->Add(elements.begin(), elements.end());
  }
}

}  // namespace strata::service
