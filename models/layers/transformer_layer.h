// A transformer layer as the two token-wise halves around an attention that the architecture
// supplies: who attends to whom is the architecture's, the rest is the same in all of them.
//
//   pre-norm   qkv = Wqkv·N1(x)      h = x + O·context        y = h + FF(N2(h))
//   post-norm  qkv = Wqkv·x          h = N1(x + O·context)    y = N2(h + FF(h))
//   FF(u) = Wback·act(Win·u), or gated: Wback·(act(A·u) ⊙ B·u) with Win = [A; B]
//
// Pre-norm with RMSNorm, no biases: T5 and HDT. Post-norm with LayerNorm and biases: BERT, RoBERTa,
// HAT, SMITH.
#ifndef STRATA_MODELS_LAYERS_TRANSFORMER_LAYER_H_
#define STRATA_MODELS_LAYERS_TRANSFORMER_LAYER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "kernels/encoder/encoder_layer.h"
#include "models/layers/activation.h"
#include "models/layers/linear.h"

namespace strata::models {

enum class NormPlace : uint8_t { kBefore, kAfter };

// How all layers of a model compute.
struct TransformerLayerSpec {
  NormPlace norm_place = NormPlace::kAfter;
  NormKind norm = NormKind::kLayerNorm;
  double epsilon = 1e-12;
  Activation activation = Activation::kGelu;
  bool is_gated = false;
  // Training only; 0 serves. On what each half adds to x, and (T5) inside the feed-forward layer.
  double dropout = 0;
  double inner_dropout = 0;
};

// C hidden size, A = heads · head size, F feed-forward size.
struct TransformerLayer {
  Linear qkv;               // [3A, C]: q, k, v, head after head
  Linear attention_out;     // [C, A]
  Norm attention_norm;      // [C]
  Linear feed_forward_in;   // [F, C]; gated: [2F, C], the activated half first
  Linear feed_forward_out;  // [C, F]
  Norm feed_forward_norm;   // [C]
  // After PackForInference, in place of all the others.
  std::shared_ptr<const kernels::EncoderLayer> packed;
};

struct TransformerLayerSize {
  int64_t hidden = 0;        // C
  int64_t attention = 0;     // A
  int64_t feed_forward = 0;  // F
  bool has_biases = true;    // of the linear maps; LayerNorm always has its own
};

// Matrices normal(0, std) from ATen's global generator, in the order of the members; norms 1,
// biases 0. All float32.
TransformerLayer InitialTransformerLayer(const TransformerLayerSpec& spec,
                                         const TransformerLayerSize& size, double std = 0.02);

// Puts the weights into the order in which the kernels of this processor read them, the matrices as
// `type`, and lets go of the tensors. From then on the functions below run on those kernels: no
// gradients, no dropout, on kernels::SharedThreadPool(), and a row's result is bit-equal whatever
// rows stand beside it. INVALID_ARGUMENT, RESOURCE_EXHAUSTED.
absl::Status PackForInference(const TransformerLayerSpec& spec, TransformerLayer& layer,
                              kernels::WeightType type = kernels::WeightType::kFloat32);

// Of its weights in memory, packed or not.
int64_t SizeBytes(const TransformerLayer& layer);

// x [T, C] → q, k and v of every token, [T, 3A]. Differentiable unless packed; thread-safe.
at::Tensor ProjectQkv(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                      const at::Tensor& x);

// The two halves: x [T, C] and what the attention gave, context [T, A] → h; h [T, C] → y. A decoder
// has its cross-attention between them.
at::Tensor AddAttention(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                        const at::Tensor& x, const at::Tensor& context);
at::Tensor AddFeedForward(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                          const at::Tensor& h);

// Both: x and context → the layer's output, [T, C]. Differentiable unless packed; thread-safe.
at::Tensor FinishLayer(const TransformerLayerSpec& spec, const TransformerLayer& layer,
                       const at::Tensor& x, const at::Tensor& context);

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_TRANSFORMER_LAYER_H_
