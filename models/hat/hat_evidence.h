// How much each segment counted in a document's classification.
#ifndef STRATA_MODELS_HAT_HAT_EVIDENCE_H_
#define STRATA_MODELS_HAT_HAT_EVIDENCE_H_

#include <ATen/ATen.h>

#include "models/hat/hat.h"

namespace strata::models {

// S segments, K classes.
struct HatEvidence {
  // [S] share in pooling, sum 1 over a document: of the dimensions in which it is the largest
  // (max), of the softmax (attentive), the mean of its attention over labels (label attention), or
  // 1 for the only one that is read.
  at::Tensor weights;
  // [S, K] label attention: its part of each logit; the parts and the bias add up. Else what a
  // document's logits lose when the segment is left out of pooling (the vector of nothing is 0):
  // exact for each segment by itself, but they do not add up, since pooling and head are not
  // linear.
  at::Tensor effects;
};

// states [R, d] of Hat::Forward; the model must classify documents. O(S · d²).
HatEvidence HatSegmentEvidence(const Hat& model, const at::Tensor& states, const HatBatch& batch,
                               HatPooling pooling);

}  // namespace strata::models

#endif  // STRATA_MODELS_HAT_HAT_EVIDENCE_H_
