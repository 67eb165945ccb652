// A half-open range of bytes, the one way in which the project says where something stands.
#ifndef STRATA_MODELS_DOCUMENT_BYTE_SPAN_H_
#define STRATA_MODELS_DOCUMENT_BYTE_SPAN_H_

#include <cstdint>

namespace strata::models {

// [begin, end) in bytes from 0. Always 0 <= begin <= end.
struct ByteSpan {
  int64_t begin = 0;
  int64_t end = 0;

  int64_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  friend bool operator==(const ByteSpan&, const ByteSpan&) = default;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_BYTE_SPAN_H_
