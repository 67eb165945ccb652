#include "models/heads/node_labeller.h"

#include <ATen/Context.h>

#include <cmath>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

constexpr int64_t kHidden = 6, kLabels = 3;

NodeLabellerWeights RandomWeights() {
  at::manual_seed(7);
  NodeLabellerWeights weights = InitialNodeLabellerWeights(kHidden, kLabels);
  for (const WeightEntry& entry : NodeLabellerTable(weights)) entry.tensor->normal_(0.0, 0.7);
  return weights;
}

// The definition: every sequence of labels with its weight.
at::Tensor MarginalsByEnumeration(const NodeLabellerWeights& weights, const at::Tensor& alone) {
  const int64_t n = alone.size(0);
  const auto sequences = static_cast<int64_t>(std::pow(kLabels, n));
  at::Tensor sums = at::zeros({n, kLabels}, at::kDouble);
  for (int64_t code = 0; code < sequences; ++code) {
    std::vector<int64_t> labels;
    for (int64_t i = 0, rest = code; i < n; ++i, rest /= kLabels) labels.push_back(rest % kLabels);
    double score =
        weights.start[labels.front()].item<double>() + weights.end[labels.back()].item<double>();
    for (int64_t i = 0; i < n; ++i) {
      score += alone[i][labels[static_cast<size_t>(i)]].item<double>();
      if (i > 0) {
        score +=
            weights.transition[labels[static_cast<size_t>(i) - 1]][labels[static_cast<size_t>(i)]]
                .item<double>();
      }
    }
    for (int64_t i = 0; i < n; ++i) sums[i][labels[static_cast<size_t>(i)]] += std::exp(score);
  }
  return sums / sums.sum(1, true);
}

TEST(NodeLabellerTest, MarginalsAreThoseOfAllSequencesOfLabels) {
  const NodeLabellerWeights weights = RandomWeights();
  const at::Tensor states = at::randn({12, kHidden});
  // Documents of four nodes, one node and three, between rows that are no anchors.
  const LabelledAnchors anchors{{1, 2, 4, 5, 7, 8, 9, 11}, {0, 0, 0, 0, 2, 3, 3, 3}};
  const NodeLogProbabilities labels = LabelNodes(weights, states, anchors, 1e-6);
  ASSERT_EQ(labels.marginals.sizes(), (std::vector<int64_t>{8, kLabels}));
  for (const auto& [first, size] : {std::pair(0, 4), std::pair(4, 1), std::pair(5, 3)}) {
    const at::Tensor expected =
        MarginalsByEnumeration(weights, labels.alone.narrow(0, first, size));
    const at::Tensor found = labels.marginals.narrow(0, first, size).exp().to(at::kDouble);
    EXPECT_LT((found - expected).abs().max().item<double>(), 1e-6) << first;
  }
  // What else is in the batch changes nothing.
  const LabelledAnchors last{{8, 9, 11}, {0, 0, 0}};
  EXPECT_LT((LabelNodes(weights, states, last, 1e-6).marginals - labels.marginals.narrow(0, 5, 3))
                .abs()
                .max()
                .item<double>(),
            1e-6);
}

TEST(NodeLabellerTest, EveryWeightLearns) {
  NodeLabellerWeights weights = RandomWeights();
  for (const WeightEntry& entry : NodeLabellerTable(weights)) {
    entry.tensor->set_requires_grad(true);
  }
  const LabelledAnchors anchors{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
  LabelNodes(weights, at::randn({10, kHidden}), anchors, 1e-6)
      .marginals.select(1, 1)
      .sum()
      .backward();
  for (const WeightEntry& entry : NodeLabellerTable(weights)) {
    EXPECT_GT(entry.tensor->grad().abs().sum().item<double>(), 0) << entry.key;
  }
}

TEST(NodeLabellerTest, NoNodesNoLabels) {
  const NodeLogProbabilities labels =
      LabelNodes(RandomWeights(), at::randn({2, kHidden}), {}, 1e-6);
  EXPECT_EQ(labels.marginals.sizes(), (std::vector<int64_t>{0, kLabels}));
}

}  // namespace
}  // namespace strata::models
