// Attention inside the windows of a grid of tokens, shifted or not: the attention of Swin and of
// what descends from it.
//
//   softmax(q·kᵀ/√D + B[head] + M) · v   over the tokens of one window
//
// B is a learned number per head and offset between query and key. M adds -100 where a shifted
// window holds tokens from opposite borders of the grid (not -∞, as in the references).
// Sources: Swin Transformer (arXiv 2103.14030) §3.2; transformers 5, timm 1.0.
#ifndef STRATA_MODELS_LAYERS_WINDOW_ATTENTION_H_
#define STRATA_MODELS_LAYERS_WINDOW_ATTENTION_H_

#include <ATen/ATen.h>

#include <cstdint>

namespace strata::models {

// A grid that windows do not divide is padded at the right and the bottom; padding tokens are keys
// like any other. For such a grid the order of padding and shifting matters.
enum class WindowPadding : uint8_t {
  kBeforeShift,  // transformers and the official detection code
  kAfterShift,   // timm
};

struct WindowSpec {
  int64_t height = 7, width = 7;              // of a window
  int64_t shift_height = 0, shift_width = 0;  // the grid is rolled by -shift
  WindowPadding padding = WindowPadding::kBeforeShift;
};

// qkv [B, H, W, 3C], as q, k, v, each head after head. bias_table [(2·height−1)·(2·width−1),
// heads]. padding_qkv [3C]: q, k and v of a padding token, which are the biases of their
// projection; undefined: zeros. Returns [B, H, W, C]. `probabilities` (may be null) gets [B ·
// windows, heads, N, N], windows of an image in row order. Differentiable; thread-safe.
at::Tensor WindowAttention(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias_table,
                           const at::Tensor& padding_qkv, const WindowSpec& spec,
                           at::Tensor* probabilities = nullptr);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_WINDOW_ATTENTION_H_
