// Attention inside the windows of a grid of tokens, with a bias that every head adds to its scores:
// the attention of Swin and of what descends from it.
//
//   softmax(q·kᵀ/√D + B[head] + M) · v   over the tokens of one window
//
// B is a number per head and offset between query and key. M hides what a shift brought together,
// see window_order.h.
//
// Plain ATen: the block-sparse kernel takes no bias.
// Sources: Swin Transformer (arXiv 2103.14030) §3.2; transformers 5, timm 1.0.
#ifndef STRATA_MODELS_LAYERS_WINDOW_ATTENTION_H_
#define STRATA_MODELS_LAYERS_WINDOW_ATTENTION_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "models/layers/window_order.h"

namespace strata::models {

// Relative position bias of a window: table [(2h−1)·(2w−1), heads] → [heads, N, N]; the entry of a
// pair is (row(query) − row(key) + h − 1)·(2w − 1) + column(query) − column(key) + w − 1.
at::Tensor RelativeBias(const at::Tensor& table, Extent window);

// softmax(q·kᵀ/√D + bias) · v. q [W, heads, N, D], k and v [W, heads, M, D] of W windows; bias
// [1 or P, heads, N, M], P windows to a grid, W a multiple of P; undefined: none. Returns
// [W, heads, N, D]. Differentiable; thread-safe.
at::Tensor AttendWithBias(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& bias);

// The same of qkv [W, N, 3C]: q, k and v, each head after head; bias [1 or P, heads, N, N]. Returns
// [W, N, C]. `probabilities` (may be null) gets [W, heads, N, N]. Differentiable; thread-safe.
at::Tensor AttendInWindows(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias,
                           at::Tensor* probabilities = nullptr);

// How a grid is cut, made once for all blocks that cut it so.
struct WindowPlan {
  WindowSpec spec;
  WindowOrder order;
  at::Tensor mask;  // [P, 1, N, N], or undefined
};
WindowPlan MakeWindowPlan(Extent grid, const WindowSpec& spec);

// qkv [B, H, W, 3C], a grid that `plan` was made for. bias_table [(2h−1)·(2w−1), heads].
// padding_qkv [3C]: q, k and v of a padding token, which are the biases of their projection;
// undefined: zeros. Returns [B, H, W, C]. `probabilities` (may be null) gets [B · P, heads, N, N],
// windows of an image in row order. Differentiable; thread-safe.
at::Tensor WindowAttention(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias_table,
                           const at::Tensor& padding_qkv, const WindowPlan& plan,
                           at::Tensor* probabilities = nullptr);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_WINDOW_ATTENTION_H_
