// What generation asks of the decoder half of an encoder-decoder.
#ifndef STRATA_MODELS_LAYERS_SEQUENCE_DECODER_H_
#define STRATA_MODELS_LAYERS_SEQUENCE_DECODER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "models/batch/packed_batch.h"

namespace strata::models {

// Encoder rows of B documents that a decoder attends to.
struct EncoderMemory {
  at::Tensor states;                // [M, C]
  std::vector<int64_t> cu_seqlens;  // [B+1], from 0
  std::vector<int64_t> rows;        // [M] of the packed batch they come from; may be empty
};

// Decoding under way: R rows of one length, each continuing one document's memory; rows of a
// document stand together, in the order of the documents. One thread at a time.
class Decoding {
 public:
  virtual ~Decoding() = default;
  // Feeds one token to every row; returns the logits of what follows, [R, V] float32.
  // INVALID_ARGUMENT: not R tokens, or an id outside the vocabulary.
  virtual absl::StatusOr<at::Tensor> Step(const std::vector<int32_t>& token_ids) = 0;
  // Row i goes on as a copy of what row rows[i] was; there are rows.size() rows from now on.
  virtual void Select(const std::vector<int64_t>& rows) = 0;
  // How much the row has attended to each encoder row of its document so far: the mean over steps,
  // layers and heads, [m]. Sum 1 after the first step.
  virtual at::Tensor Attention(int64_t row) const = 0;
};

// Ids that the architecture itself names; -1: none.
struct DecoderTokens {
  int32_t start = -1;
  int32_t end = -1;
  int32_t padding = -1;
};

// Thread-safe; immutable.
class SequenceDecoder {
 public:
  virtual ~SequenceDecoder() = default;
  virtual int32_t vocab_size() const = 0;
  virtual DecoderTokens tokens() const = 0;
  // Tokens that a sequence has at most by the model's own configuration.
  virtual int32_t max_length() const = 0;
  // What the decoder sees of these documents of an encoded batch (states [T, C]), ascending.
  virtual EncoderMemory Memory(const at::Tensor& states, const PackedBatch& batch,
                               const std::vector<int64_t>& documents) const = 0;
  // rows[b] rows for document b. INVALID_ARGUMENT: a document without a row of memory.
  virtual absl::StatusOr<std::unique_ptr<Decoding>> Start(
      const EncoderMemory& memory, const std::vector<int64_t>& rows) const = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_SEQUENCE_DECODER_H_
