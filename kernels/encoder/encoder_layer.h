// A transformer layer's token-wise halves on rows that stay in the caches, for inference.
//
//   pre-norm   qkv = Wqkv·N1(x)      h = x + O·context        y = h + FF(N2(h))
//   post-norm  qkv = Wqkv·x          h = N1(x + O·context)    y = N2(h + FF(h))
//   FF(u) = Wback·act(Win·u), or gated: Wback·(act(A·u) ⊙ B·u) with Win = [A; B]
//
// What stands between the halves, who attends to whom, is the caller's. The inner layer of FF is
// made and used up one block of PackedLinear::kBlock values at a time, so it is never whole.
#ifndef STRATA_KERNELS_ENCODER_ENCODER_LAYER_H_
#define STRATA_KERNELS_ENCODER_ENCODER_LAYER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/activation/activation.h"
#include "kernels/launch/thread_pool.h"
#include "kernels/linear/packed_linear.h"
#include "kernels/norm/row_norm.h"

namespace strata::kernels {

struct EncoderLayerSpec {
  bool is_pre_norm = false;
  NormKind norm = NormKind::kLayerNorm;
  float epsilon = 0;
  Activation activation = Activation::kGelu;
  bool is_gated = false;
  WeightType weight_type = WeightType::kFloat32;  // what the matrices are kept as
  int hidden_size = 0;                            // C
  int attention_size = 0;                         // A = heads · head size
  int feed_forward_size = 0;                      // F
};

// Row-major float32, borrowed for the length of a call. A bias, and with RMSNorm a norm's bias, may
// be null.
struct EncoderLayerWeights {
  const float *qkv = nullptr, *qkv_bias = nullptr;                            // [3A, C], [3A]
  const float *attention_out = nullptr, *attention_out_bias = nullptr;        // [C, A], [C]
  const float *attention_norm = nullptr, *attention_norm_bias = nullptr;      // [C]
  const float *feed_forward_in = nullptr, *feed_forward_in_bias = nullptr;    // [F, C], [F]; gated:
                                                                              // [2F, C], [2F]
  const float *feed_forward_out = nullptr, *feed_forward_out_bias = nullptr;  // [C, F], [C]
  const float *feed_forward_norm = nullptr, *feed_forward_norm_bias = nullptr;  // [C]
};

// Immutable; thread-safe. A row's results are bit-equal whatever rows are computed with it and for
// any number of threads.
class EncoderLayer {
 public:
  // Copies the weights. INVALID_ARGUMENT: a size below 1, a null matrix or norm.
  static absl::StatusOr<EncoderLayer> Pack(const EncoderLayerSpec& spec,
                                           const EncoderLayerWeights& weights, ThreadPool& pool);

  const EncoderLayerSpec& spec() const { return spec_; }
  int64_t size_bytes() const;

  // Rows worked on at a time: x and the tile of y stay in the second cache level.
  static constexpr int kTileRows = 120;
  // Floats of scratch that the functions below need for any number of rows.
  size_t scratch_size() const;

  // x [rows, C] → qkv [rows, 3A], on the calling thread. Strides count floats.
  void ProjectQkv(const float* x, int64_t x_stride, int64_t rows, float* qkv, int64_t qkv_stride,
                  float* scratch) const;
  // The rest in place: h [rows, C] holds x and becomes the layer's output.
  void Finish(const float* context, int64_t context_stride, int64_t rows, float* h,
              int64_t h_stride, float* scratch) const;

  // The same for many rows on the threads of a pool; AddAttention and AddFeedForward are the two
  // halves of Finish: h ← x + O·context (normalised, post-norm), then h ← the layer's output.
  void ProjectQkv(const float* x, int64_t x_stride, int64_t rows, float* qkv, int64_t qkv_stride,
                  ThreadPool& pool) const;
  void Finish(const float* context, int64_t context_stride, int64_t rows, float* h,
              int64_t h_stride, ThreadPool& pool) const;
  void AddAttention(const float* context, int64_t context_stride, int64_t rows, float* h,
                    int64_t h_stride, ThreadPool& pool) const;
  void AddFeedForward(int64_t rows, float* h, int64_t h_stride, ThreadPool& pool) const;

 private:
  // One tile, at most kTileRows.
  void AddAttentionTile(const float* context, int64_t context_stride, int rows, float* h,
                        int64_t h_stride) const;
  void AddFeedForwardTile(int rows, float* h, int64_t h_stride, float* scratch) const;
  void FeedForward(const float* u, int rows, float* h, int64_t h_stride, float* inner) const;
  RowNorm attention_norm() const;
  RowNorm feed_forward_norm() const;

  EncoderLayerSpec spec_;
  PackedLinear qkv_, attention_out_, feed_forward_in_, feed_forward_gate_, feed_forward_out_;
  std::vector<float> attention_norm_, attention_norm_bias_;
  std::vector<float> feed_forward_norm_, feed_forward_norm_bias_;
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ENCODER_ENCODER_LAYER_H_
