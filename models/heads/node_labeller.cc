#include "models/heads/node_labeller.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "models/layers/layers.h"

namespace strata::models {
namespace {

constexpr int64_t kPlaces = 10;

// Documents [first, first + size) of the anchors.
struct Run {
  int64_t first = 0, size = 0;
};

std::vector<Run> RunsOf(const std::vector<int64_t>& documents) {
  std::vector<Run> runs;
  for (size_t i = 0; i < documents.size(); ++i) {
    if (i == 0 || documents[i] != documents[i - 1]) runs.push_back({static_cast<int64_t>(i), 0});
    ++runs.back().size;
  }
  return runs;
}

// Forwards and backwards at once: the second half of the batch walks each document from its end,
// over the transposed transitions. Behind a document's last node both compute what nobody reads.
at::Tensor Marginals(const NodeLabellerWeights& weights, const at::Tensor& alone,
                     const std::vector<Run>& runs) {
  int64_t longest = 0;
  for (const Run& run : runs) longest = std::max(longest, run.size);
  const auto chains = static_cast<int64_t>(runs.size());
  const int64_t labels = alone.size(1);
  std::vector<int64_t> forth, back;        // [S, D]: the anchor at a step
  std::vector<int64_t> forth_of, back_of;  // [A]: step and document of an anchor, as one index
  for (int64_t step = 0; step < longest; ++step) {
    for (const Run& run : runs) {
      const int64_t place = std::min(step, run.size - 1);
      forth.push_back(run.first + place);
      back.push_back(run.first + run.size - 1 - place);
    }
  }
  for (int64_t d = 0; d < chains; ++d) {
    for (int64_t i = 0; i < runs[static_cast<size_t>(d)].size; ++i) {
      forth_of.push_back(i * chains + d);
      back_of.push_back((runs[static_cast<size_t>(d)].size - 1 - i) * chains + d);
    }
  }
  const auto gather = [&](const std::vector<int64_t>& index) {
    return alone.index_select(0, at::tensor(index, at::kLong)).view({longest, 1, chains, labels});
  };
  const at::Tensor emissions = at::cat({gather(forth), gather(back)}, 1);  // [S, 2, D, K]
  const at::Tensor moves =
      at::stack({weights.transition, weights.transition.t()}).unsqueeze(1);  // [2, 1, K, K]
  at::Tensor state = at::stack({weights.start, weights.end}).unsqueeze(1) + emissions[0];
  std::vector<at::Tensor> states{state};
  for (int64_t step = 1; step < longest; ++step) {
    state = at::logsumexp(state.unsqueeze(3) + moves, {2}) + emissions[step];
    states.push_back(state);
  }
  const at::Tensor walked = at::stack(states);  // [S, 2, D, K]
  const auto pick = [&](int64_t direction, const std::vector<int64_t>& index) {
    return walked.select(1, direction)
        .reshape({longest * chains, labels})
        .index_select(0, at::tensor(index, at::kLong));
  };
  // Both walks count the node's own emission.
  return at::log_softmax(pick(0, forth_of) + pick(1, back_of) - alone, 1);
}

}  // namespace

NodeLabellerWeights InitialNodeLabellerWeights(int64_t hidden_size, int64_t num_labels) {
  NodeLabellerWeights weights;
  weights.norm = at::ones({hidden_size});
  weights.places = at::zeros({kPlaces, hidden_size});
  weights.out_weight =
      at::normal(0.0, 0.5 / std::sqrt(static_cast<double>(hidden_size)), {num_labels, hidden_size});
  weights.out_bias = at::zeros({num_labels});
  weights.transition = at::zeros({num_labels, num_labels});
  weights.start = at::zeros({num_labels});
  weights.end = at::zeros({num_labels});
  return weights;
}

std::vector<WeightEntry> NodeLabellerTable(NodeLabellerWeights& weights) {
  return {{"labeller.norm.weight", &weights.norm, 0, weights.norm.sizes().vec()},
          {"labeller.places", &weights.places, 0, weights.places.sizes().vec()},
          {"labeller.out.weight", &weights.out_weight, 0, weights.out_weight.sizes().vec()},
          {"labeller.out.bias", &weights.out_bias, 0, weights.out_bias.sizes().vec()},
          {"labeller.transition", &weights.transition, 0, weights.transition.sizes().vec()},
          {"labeller.start", &weights.start, 0, weights.start.sizes().vec()},
          {"labeller.end", &weights.end, 0, weights.end.sizes().vec()}};
}

bool IsNodeLabellerKey(const std::string& key) { return absl::StartsWith(key, "labeller."); }

NodeLogProbabilities LabelNodes(const NodeLabellerWeights& weights, const at::Tensor& states,
                                const LabelledAnchors& anchors, double epsilon, double dropout) {
  const int64_t labels = weights.out_bias.size(0);
  if (anchors.rows.empty()) return {at::zeros({0, labels}), at::zeros({0, labels})};
  const std::vector<Run> runs = RunsOf(anchors.documents);
  std::vector<int64_t> places;
  for (const Run& run : runs) {
    for (int64_t i = 0; i < run.size; ++i) places.push_back(i * kPlaces / run.size);
  }
  const at::Tensor normed =
      RmsNorm(states.index_select(0, at::tensor(anchors.rows, at::kInt)), weights.norm, epsilon) +
      weights.places.index_select(0, at::tensor(places, at::kLong));
  NodeLogProbabilities result;
  result.alone = at::log_softmax(
      at::linear(Dropout(normed, dropout), weights.out_weight, weights.out_bias), 1);
  result.marginals = Marginals(weights, result.alone, runs);
  return result;
}

}  // namespace strata::models
