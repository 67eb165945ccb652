#include "kernels/encoder/encoder_layer.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/launch/workspace.h"

namespace strata::kernels {
namespace {

// Calls fn(first row, rows) for tiles of at most EncoderLayer::kTileRows.
void ForTiles(int64_t rows, absl::FunctionRef<void(int64_t, int)> fn) {
  for (int64_t row = 0; row < rows; row += EncoderLayer::kTileRows) {
    fn(row, static_cast<int>(std::min<int64_t>(EncoderLayer::kTileRows, rows - row)));
  }
}

std::vector<float> Copy(const float* values, int size) {
  return values == nullptr ? std::vector<float>() : std::vector<float>(values, values + size);
}

const float* DataOrNull(const std::vector<float>& values) {
  return values.empty() ? nullptr : values.data();
}

}  // namespace

absl::StatusOr<EncoderLayer> EncoderLayer::Pack(const EncoderLayerSpec& spec,
                                                const EncoderLayerWeights& weights,
                                                ThreadPool& pool) {
  if (weights.attention_norm == nullptr || weights.feed_forward_norm == nullptr) {
    return absl::InvalidArgumentError("encoder layer: a norm's weight is null");
  }
  EncoderLayer layer;
  layer.spec_ = spec;
  absl::Status status;
  const auto pack = [&](const char* name, const float* weight, const float* bias, int64_t outputs,
                        int64_t inputs, PackedLinear& to) {
    if (!status.ok()) return;
    auto packed = PackedLinear::Pack(weight, bias, outputs, inputs, spec.weight_type, pool);
    if (packed.ok()) {
      to = *std::move(packed);
    } else {
      status = absl::Status(packed.status().code(),
                            absl::StrCat("encoder layer, ", name, ": ", packed.status().message()));
    }
  };
  const int64_t c = spec.hidden_size, a = spec.attention_size, f = spec.feed_forward_size;
  pack("qkv", weights.qkv, weights.qkv_bias, 3 * a, c, layer.qkv_);
  pack("attention_out", weights.attention_out, weights.attention_out_bias, c, a,
       layer.attention_out_);
  pack("feed_forward_in", weights.feed_forward_in, weights.feed_forward_in_bias, f, c,
       layer.feed_forward_in_);
  if (spec.is_gated && status.ok()) {
    const float* bias = weights.feed_forward_in_bias;
    pack("feed_forward_in", weights.feed_forward_in + f * c, bias == nullptr ? nullptr : bias + f,
         f, c, layer.feed_forward_gate_);
  }
  pack("feed_forward_out", weights.feed_forward_out, weights.feed_forward_out_bias, c, f,
       layer.feed_forward_out_);
  if (!status.ok()) return status;
  layer.attention_norm_ = Copy(weights.attention_norm, spec.hidden_size);
  layer.attention_norm_bias_ = Copy(weights.attention_norm_bias, spec.hidden_size);
  layer.feed_forward_norm_ = Copy(weights.feed_forward_norm, spec.hidden_size);
  layer.feed_forward_norm_bias_ = Copy(weights.feed_forward_norm_bias, spec.hidden_size);
  return layer;
}

int64_t EncoderLayer::size_bytes() const {
  return qkv_.size_bytes() + attention_out_.size_bytes() + feed_forward_in_.size_bytes() +
         feed_forward_gate_.size_bytes() + feed_forward_out_.size_bytes();
}

// u [rows, C] and one or two blocks of the inner layer, [rows, kBlock].
size_t EncoderLayer::scratch_size() const {
  return size_t{kTileRows} * (spec_.hidden_size + (spec_.is_gated ? 2 : 1) * PackedLinear::kBlock);
}

void EncoderLayer::ProjectQkv(const float* x, int64_t x_stride, int64_t rows, float* qkv,
                              int64_t qkv_stride, float* scratch) const {
  ForTiles(rows, [&](int64_t begin, int count) {
    LinearRows tile{x + begin * x_stride, x_stride, qkv + begin * qkv_stride, qkv_stride, count};
    if (spec_.is_pre_norm) {
      NormalizeRows(attention_norm(), tile.x, x_stride, count, scratch, spec_.hidden_size);
      tile.x = scratch;
      tile.x_stride = spec_.hidden_size;
    }
    qkv_.Apply(tile, /*accumulate=*/false);
  });
}

void EncoderLayer::Finish(const float* context, int64_t context_stride, int64_t rows, float* h,
                          int64_t h_stride, float* scratch) const {
  ForTiles(rows, [&](int64_t begin, int count) {
    float* const tile = h + begin * h_stride;
    AddAttentionTile(context + begin * context_stride, context_stride, count, tile, h_stride);
    AddFeedForwardTile(count, tile, h_stride, scratch);
  });
}

void EncoderLayer::AddAttentionTile(const float* context, int64_t context_stride, int rows,
                                    float* h, int64_t h_stride) const {
  attention_out_.Apply({context, context_stride, h, h_stride, rows}, /*accumulate=*/true);
  if (!spec_.is_pre_norm) NormalizeRows(attention_norm(), h, h_stride, rows, h, h_stride);
}

void EncoderLayer::AddFeedForwardTile(int rows, float* h, int64_t h_stride, float* scratch) const {
  const int64_t c = spec_.hidden_size;
  float* const u = scratch;
  float* const inner = u + kTileRows * c;
  if (spec_.is_pre_norm) {
    NormalizeRows(feed_forward_norm(), h, h_stride, rows, u, c);
    FeedForward(u, rows, h, h_stride, inner);
    return;
  }
  for (int r = 0; r < rows; ++r) std::copy(h + r * h_stride, h + r * h_stride + c, u + r * c);
  FeedForward(u, rows, h, h_stride, inner);
  NormalizeRows(feed_forward_norm(), h, h_stride, rows, h, h_stride);
}

// h += FF(u), u [rows, C] contiguous.
void EncoderLayer::FeedForward(const float* u, int rows, float* h, int64_t h_stride,
                               float* inner) const {
  constexpr int kBlock = PackedLinear::kBlock;
  const int64_t c = spec_.hidden_size;
  float* const factor = inner + int64_t{kTileRows} * kBlock;
  for (int block = 0; block < feed_forward_out_.num_blocks(); ++block) {
    const int begin = block * kBlock, end = std::min(spec_.feed_forward_size, begin + kBlock);
    feed_forward_in_.ApplyToOutputs({u, c, inner, kBlock, rows}, begin, end);
    if (spec_.is_gated) {
      feed_forward_gate_.ApplyToOutputs({u, c, factor, kBlock, rows}, begin, end);
    }
    for (int r = 0; r < rows; ++r) {
      if (spec_.is_gated) {
        ActivateAndScaleRow(spec_.activation, inner + r * kBlock, factor + r * kBlock, end - begin);
      } else {
        ActivateRow(spec_.activation, inner + r * kBlock, end - begin);
      }
    }
    feed_forward_out_.AccumulateBlock({inner, kBlock, h, h_stride, rows}, block);
  }
}

void EncoderLayer::ProjectQkv(const float* x, int64_t x_stride, int64_t rows, float* qkv,
                              int64_t qkv_stride, ThreadPool& pool) const {
  pool.ParallelForRows(rows, kTileRows, [&](int64_t begin, int64_t end) {
    ProjectQkv(x + begin * x_stride, x_stride, end - begin, qkv + begin * qkv_stride, qkv_stride,
               Workspace::OfThisThread().Floats(scratch_size()));
  });
}

void EncoderLayer::Finish(const float* context, int64_t context_stride, int64_t rows, float* h,
                          int64_t h_stride, ThreadPool& pool) const {
  pool.ParallelForRows(rows, kTileRows, [&](int64_t begin, int64_t end) {
    Finish(context + begin * context_stride, context_stride, end - begin, h + begin * h_stride,
           h_stride, Workspace::OfThisThread().Floats(scratch_size()));
  });
}

void EncoderLayer::AddAttention(const float* context, int64_t context_stride, int64_t rows,
                                float* h, int64_t h_stride, ThreadPool& pool) const {
  pool.ParallelForRows(rows, kTileRows, [&](int64_t begin, int64_t end) {
    AddAttentionTile(context + begin * context_stride, context_stride,
                     static_cast<int>(end - begin), h + begin * h_stride, h_stride);
  });
}

void EncoderLayer::AddFeedForward(int64_t rows, float* h, int64_t h_stride,
                                  ThreadPool& pool) const {
  pool.ParallelForRows(rows, kTileRows, [&](int64_t begin, int64_t end) {
    AddFeedForwardTile(static_cast<int>(end - begin), h + begin * h_stride, h_stride,
                       Workspace::OfThisThread().Floats(scratch_size()));
  });
}

RowNorm EncoderLayer::attention_norm() const {
  return {spec_.norm, attention_norm_.data(), DataOrNull(attention_norm_bias_), spec_.epsilon,
          spec_.hidden_size};
}

RowNorm EncoderLayer::feed_forward_norm() const {
  return {spec_.norm, feed_forward_norm_.data(), DataOrNull(feed_forward_norm_bias_), spec_.epsilon,
          spec_.hidden_size};
}

}  // namespace strata::kernels
