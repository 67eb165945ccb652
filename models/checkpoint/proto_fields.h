// Walks the fields of a serialized protobuf message without a schema or the protobuf library, whose
// headers must not meet LibTorch's.
#ifndef STRATA_MODELS_CHECKPOINT_PROTO_FIELDS_H_
#define STRATA_MODELS_CHECKPOINT_PROTO_FIELDS_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace strata::models {

// Usage: for (ProtoFields fields(bytes); fields.Next();) switch (fields.number()) ... ; afterwards
// is_good() says whether the message ended where it should. Groups are not read.
class ProtoFields {
 public:
  explicit ProtoFields(std::string_view bytes) : rest_(bytes) {}

  bool Next() {
    if (!is_good_ || rest_.empty()) return false;
    uint64_t tag = 0;
    is_good_ = Varint(tag) && (tag >> 3) > 0 && (tag >> 3) < (uint64_t{1} << 29);
    number_ = static_cast<uint32_t>(tag >> 3);
    bytes_ = {};
    value_ = 0;
    switch (tag & 7) {
      case 0:
        is_good_ = is_good_ && Varint(value_);
        break;
      case 1:
        is_good_ = is_good_ && Fixed(8);
        break;
      case 2:
        is_good_ = is_good_ && Varint(value_) && value_ <= rest_.size();
        if (is_good_) {
          bytes_ = rest_.substr(0, value_);
          rest_.remove_prefix(value_);
        }
        break;
      case 5:
        is_good_ = is_good_ && Fixed(4);
        break;
      default:
        is_good_ = false;
    }
    return is_good_;
  }

  uint32_t number() const { return number_; }
  // Varint, fixed32 and fixed64 fields.
  int64_t integer() const { return static_cast<int64_t>(value_); }
  // Strings and messages within.
  std::string_view bytes() const { return bytes_; }
  bool is_good() const { return is_good_; }

 private:
  bool Varint(uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool Fixed(size_t size) {
    if (rest_.size() < size) return false;
    std::memcpy(&value_, rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_, bytes_;
  uint64_t value_ = 0;
  uint32_t number_ = 0;
  bool is_good_ = true;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_CHECKPOINT_PROTO_FIELDS_H_
