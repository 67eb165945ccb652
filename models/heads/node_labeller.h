// Labels for the sentences (or the sections) of a document, each by its anchor and seen beside its
// neighbours.
//
//   n_i = RMSNorm(h_i) + P[which tenth of the document i stands in]     h_i: the anchor's last
//   state e_i = log softmax(W · n_i + b) p(y_1 … y_n) ∝ exp(s[y_1] + Σ e_i[y_i] + Σ t[y_{i-1}, y_i]
//   + z[y_n])
//
// A linear-chain conditional random field over the document (Lafferty et al. 2001); a node's answer
// is its marginal p(y_i), which is what accuracy asks for, and what unlabelled neighbours and class
// weights can be trained with (Kakade et al. 2002). Ours: HDT's reference labels no nodes.
#ifndef STRATA_MODELS_HEADS_NODE_LABELLER_H_
#define STRATA_MODELS_HEADS_NODE_LABELLER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "models/layers/weight_table.h"

namespace strata::models {

// d = hidden size, K = labels.
struct NodeLabellerWeights {
  at::Tensor norm;        // [d]
  at::Tensor places;      // [10, d]: P
  at::Tensor out_weight;  // [K, d]: W
  at::Tensor out_bias;    // [K]: b
  at::Tensor transition;  // [K, K]: t, from the row's label to the column's
  at::Tensor start;       // [K]: s
  at::Tensor end;         // [K]: z
};

NodeLabellerWeights InitialNodeLabellerWeights(int64_t hidden_size, int64_t num_labels);

// Keys "labeller.norm.weight", "labeller.places", "labeller.out.{weight,bias}",
// "labeller.{transition,start,end}".
std::vector<WeightEntry> NodeLabellerTable(NodeLabellerWeights& weights);
bool IsNodeLabellerKey(const std::string& key);

// The anchors of the nodes that are labelled, in document order, those of a document together.
struct LabelledAnchors {
  std::vector<int32_t> rows;       // [A] in the batch
  std::vector<int64_t> documents;  // [A] rising
};

// Both log-probabilities, differentiable.
struct NodeLogProbabilities {
  at::Tensor alone;      // [A, K]: e, of each anchor by itself
  at::Tensor marginals;  // [A, K]: log p(y_i)
};

// states [T, d]. `dropout` acts on n_i.
NodeLogProbabilities LabelNodes(const NodeLabellerWeights& weights, const at::Tensor& states,
                                const LabelledAnchors& anchors, double epsilon, double dropout = 0);

}  // namespace strata::models

#endif  // STRATA_MODELS_HEADS_NODE_LABELLER_H_
