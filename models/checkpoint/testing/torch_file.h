// Writes what torch.save writes, byte by byte, for tests: pickles and the archive around them.
#ifndef STRATA_MODELS_CHECKPOINT_TESTING_TORCH_FILE_H_
#define STRATA_MODELS_CHECKPOINT_TESTING_TORCH_FILE_H_

#include <zip.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace strata::models {

// The four bytes of a size or number. Pieces are joined by appending: g++ 12 sees overlaps that are
// none in "literal" + string.
inline std::string FourBytes(int32_t value) {
  return std::string(reinterpret_cast<const char*>(&value), 4);
}

inline std::string PickleInt(int32_t value) { return std::string("J").append(FourBytes(value)); }

inline std::string PickleText(const std::string& text) {
  return std::string("X").append(FourBytes(static_cast<int32_t>(text.size()))).append(text);
}

inline std::string PickleGlobal(const std::string& module, const std::string& name) {
  return std::string("c").append(module).append("\n").append(name).append("\n");
}

inline std::string PickleSizes(const std::vector<int32_t>& sizes) {
  std::string bytes = "(";
  for (int32_t size : sizes) bytes += PickleInt(size);
  return bytes.append("t");
}

// What the tensor functions take: storage, offset, size, stride, requires_grad; closed by the
// caller. Storage `key` has `num_elements` elements of class `storage` ("FloatStorage").
inline std::string PickleTensorArguments(const std::string& storage, const std::string& key,
                                         int32_t num_elements, int32_t offset,
                                         const std::vector<int32_t>& shape,
                                         const std::vector<int32_t>& strides) {
  return std::string("((")
      .append(PickleText("storage"))
      .append(PickleGlobal("torch", storage))
      .append(PickleText(key))
      .append(PickleText("cpu"))
      .append(PickleInt(num_elements))
      .append("tQ")
      .append(PickleInt(offset))
      .append(PickleSizes(shape))
      .append(PickleSizes(strides))
      .append("\x89");
}

inline std::string PickleTensor(const std::string& storage, const std::string& key,
                                int32_t num_elements, int32_t offset,
                                const std::vector<int32_t>& shape,
                                const std::vector<int32_t>& strides) {
  return PickleGlobal("torch._utils", "_rebuild_tensor_v2")
      .append(PickleTensorArguments(storage, key, num_elements, offset, shape, strides))
      .append(PickleGlobal("collections", "OrderedDict"))
      .append(")RtR");
}

inline std::string PickleDict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string bytes = "}(";
  for (const auto& [key, value] : items) bytes.append(PickleText(key)).append(value);
  return bytes.append("u");
}

inline std::string PickleFile(const std::string& value) {
  return std::string("\x80\x02").append(value).append(".");
}

// An archive with NAME/data.pkl and NAME/data/KEY for each storage.
inline void WriteTorchFile(const std::string& path, const std::string& pickle,
                           const std::map<std::string, std::string>& storages,
                           int compression = ZIP_CM_STORE) {
  int error = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
  ASSERT_NE(archive, nullptr);
  std::map<std::string, std::string> entries = {{"name/data.pkl", pickle},
                                                {"name/byteorder", "little"}};
  for (const auto& [key, bytes] : storages) entries["name/data/" + key] = bytes;
  for (const auto& [name, bytes] : entries) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    ASSERT_GE(index, 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), compression, 0);
  }
  ASSERT_EQ(zip_close(archive), 0);
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_TESTING_TORCH_FILE_H_
