// The operator's gradients against ATen's own autograd of dense masked attention, in double and
// float.
#include "kernels/torch/block_sparse_attention_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/block_sparse_attention_reference.h"
#include "kernels/plan/random_tree.h"

namespace strata::kernels {
namespace {

TreeBatch SomeDocuments(uint64_t seed) {
  RandomTrees random(seed);
  TreeBatch batch;
  batch.Append(HdtDocument({{3, 5}, {}, {4, 0, 2}}, 2));
  batch.Append({-1});
  batch.Append(random.Document(40, 6));
  batch.Append(random.Star(140, true));
  return batch;
}

// softmax(scale · q kᵀ + mask) v with a dense mask, by ATen.
at::Tensor DenseAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const TreeBatch& batch, double scale) {
  const int64_t tokens = batch.num_tokens();
  at::Tensor mask = at::full({tokens, tokens}, -INFINITY, q.options().requires_grad(false));
  for (size_t b = 0; b + 1 < batch.cu_seqlens.size(); ++b) {
    for (int x = batch.cu_seqlens[b]; x < batch.cu_seqlens[b + 1]; ++x) {
      for (int y = batch.cu_seqlens[b]; y < batch.cu_seqlens[b + 1]; ++y) {
        if (ReferenceAttends(batch.parents, x, y)) mask[x][y] = 0.0;
      }
    }
  }
  const at::Tensor scores =
      at::matmul(q.transpose(0, 1), k.transpose(0, 1).transpose(1, 2)) * scale + mask;
  return at::matmul(at::softmax(scores, -1), v.transpose(0, 1)).transpose(0, 1);
}

// Gradient of Σ out · weight in a packed [T, 3, H, D] leaf, and the output.
template <typename Attention>
std::pair<at::Tensor, at::Tensor> OutputAndGradient(const at::Tensor& qkv_value,
                                                    const at::Tensor& weight, Attention attention) {
  at::Tensor qkv = qkv_value.detach().clone().requires_grad_(true);
  const at::Tensor out = attention(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2));
  (out * weight).sum().backward();
  return {out.detach(), qkv.grad()};
}

void ExpectEqualsDense(at::ScalarType dtype, double tolerance) {
  at::manual_seed(7);
  const TreeBatch batch = SomeDocuments(31);
  const auto plan = *StructurePlan::Build(batch.view());
  const at::Tensor qkv = at::randn({batch.num_tokens(), 3, 2, 12}, at::kDouble);
  const at::Tensor weight = at::randn({batch.num_tokens(), 2, 12}, at::kDouble);
  const auto dense = OutputAndGradient(
      qkv, weight, [&](auto q, auto k, auto v) { return DenseAttention(q, k, v, batch, 0.3); });
  const auto ours = OutputAndGradient(qkv.to(dtype), weight.to(dtype), [&](auto q, auto k, auto v) {
    return BlockSparseAttention(q, k, v, plan, 0.3);
  });
  EXPECT_EQ(ours.first.scalar_type(), dtype);
  EXPECT_LE((ours.first.to(at::kDouble) - dense.first).abs().max().item<double>(), tolerance);
  EXPECT_LE((ours.second.to(at::kDouble) - dense.second).abs().max().item<double>(), tolerance);
}

TEST(BlockSparseAttentionOpTest, DoubleEqualsDenseAutograd) {
  ExpectEqualsDense(at::kDouble, 1e-12);
}
TEST(BlockSparseAttentionOpTest, FloatEqualsDenseAutograd) { ExpectEqualsDense(at::kFloat, 2e-5); }
TEST(BlockSparseAttentionOpTest, BFloat16IsNear) { ExpectEqualsDense(at::kBFloat16, 0.15); }

TEST(BlockSparseAttentionOpTest, GradcheckInDouble) {
  at::manual_seed(8);
  TreeBatch batch;
  batch.Append(HdtDocument({{1}, {0, 2}}, 1));
  const auto plan = *StructurePlan::Build(batch.view());
  const at::Tensor qkv = at::randn({batch.num_tokens(), 3, 2, 3}, at::kDouble);
  const at::Tensor weight = at::randn({batch.num_tokens(), 2, 3}, at::kDouble);
  auto attention = [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return BlockSparseAttention(q, k, v, plan, 0.7);
  };
  const at::Tensor gradient = OutputAndGradient(qkv, weight, attention).second.view(-1);
  auto loss = [&](const at::Tensor& value) {
    return (attention(value.select(1, 0), value.select(1, 1), value.select(1, 2)) * weight)
        .sum()
        .item<double>();
  };
  for (int64_t i = 0; i < qkv.numel(); ++i) {
    at::Tensor above = qkv.clone(), below = qkv.clone();
    above.view(-1)[i] += 1e-5;
    below.view(-1)[i] -= 1e-5;
    ASSERT_NEAR(gradient[i].item<double>(), (loss(above) - loss(below)) / 2e-5, 1e-8) << i;
  }
}

TEST(BlockSparseAttentionOpTest, OtherLayoutsAreCopied) {
  at::manual_seed(9);
  const TreeBatch batch = SomeDocuments(33);
  const auto plan = *StructurePlan::Build(batch.view());
  const int64_t tokens = batch.num_tokens();
  const at::Tensor q = at::randn({3, tokens, 8}), k = at::randn({tokens, 8, 3}),
                   v = at::randn({tokens, 1, 8});
  const at::Tensor expected =
      BlockSparseAttention(q.transpose(0, 1).contiguous(), k.transpose(1, 2).contiguous(),
                           v.expand({tokens, 3, 8}).contiguous(), plan, 1.0);
  const at::Tensor out = BlockSparseAttention(q.transpose(0, 1), k.transpose(1, 2),
                                              v.expand({tokens, 3, 8}), plan, 1.0);
  EXPECT_TRUE(at::equal(out, expected));
}

TEST(BlockSparseAttentionOpTest, ThreadCountDoesNotMatter) {
  at::manual_seed(10);
  const TreeBatch batch = SomeDocuments(34);
  const auto plan = *StructurePlan::Build(batch.view());
  const at::Tensor q = at::randn({batch.num_tokens(), 2, 16});
  SetNumThreads(1);
  EXPECT_EQ(SharedThreadPool()->size(), 1);
  const at::Tensor one = BlockSparseAttention(q, q, q, plan, 1.0);
  SetNumThreads(3);
  EXPECT_EQ(SharedThreadPool()->size(), 3);
  EXPECT_TRUE(at::equal(BlockSparseAttention(q, q, q, plan, 1.0), one));
  SetNumThreads(0);
  EXPECT_GE(SharedThreadPool()->size(), 1);
}

TEST(BlockSparseAttentionOpTest, RefusesWhatDoesNotFit) {
  TreeBatch batch;
  batch.Append({-1, 0, 0});
  const auto plan = *StructurePlan::Build(batch.view());
  const at::Tensor good = at::zeros({3, 2, 4});
  auto error = [&](const at::Tensor& q, const at::Tensor& k,
                   std::shared_ptr<const StructurePlan> used) {
    try {
      BlockSparseAttention(q, k, k, std::move(used), 1.0);
    } catch (const c10::Error& thrown) {
      return std::string(thrown.what_without_backtrace());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_THAT(error(at::zeros({4, 2, 4}), at::zeros({4, 2, 4}), plan),
              testing::HasSubstr("4 tokens but the plan 3"));
  EXPECT_THAT(error(good, at::zeros({3, 2, 5}), plan), testing::HasSubstr("differ in shape"));
  EXPECT_THAT(error(good, good.to(at::kDouble), plan), testing::HasSubstr("differ in dtype"));
  EXPECT_THAT(error(good.to(at::kLong), good.to(at::kLong), plan), testing::HasSubstr("dtype"));
  EXPECT_THAT(error(good, good, nullptr), testing::HasSubstr("plan is null"));
  EXPECT_THAT(error(at::zeros({3, 2, 300}), at::zeros({3, 2, 300}), plan),
              testing::HasSubstr("head_size is 300"));
}

}  // namespace
}  // namespace strata::kernels
