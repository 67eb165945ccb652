// The kernels of one target (STRATA_TARGET; ctest runs this program under each) against the dense
// masked reference, and their promises: bit-equal results, refusals.
#include "kernels/attention/block_sparse_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/attention/block_sparse_attention_reference.h"
#include "kernels/plan/random_tree.h"

namespace strata::kernels {
namespace {

using ::testing::HasSubstr;

// A batch with its inputs in one packed [T, 3, H, D] buffer and room for every result.
struct Problem {
  Problem(TreeBatch trees, int num_heads, int head_size, RandomTrees& random, float spread = 1.0f)
      : batch(std::move(trees)), heads(num_heads), size(head_size) {
    plan = *StructurePlan::Build(batch.view());
    const size_t rows = static_cast<size_t>(batch.num_tokens()) * row_size();
    qkv = random.Normal(3 * rows);
    for (float& value : qkv) value *= spread;
    dout = random.Normal(rows);
    out.assign(rows, std::nanf(""));
    lse.assign(static_cast<size_t>(batch.num_tokens()) * heads, std::nanf(""));
    grads.assign(3 * rows, std::nanf(""));
  }

  // Only the tokens of document b, with the same inputs.
  Problem Document(size_t b) const {
    Problem alone = *this;
    alone.batch = batch.Document(b);
    alone.plan = *StructurePlan::Build(alone.batch.view());
    auto cut = [&](std::vector<float>& values, int width) {
      values = std::vector<float>(values.begin() + int64_t{batch.cu_seqlens[b]} * width,
                                  values.begin() + int64_t{batch.cu_seqlens[b + 1]} * width);
    };
    cut(alone.qkv, 3 * row_size());
    cut(alone.grads, 3 * row_size());
    cut(alone.dout, row_size());
    cut(alone.out, row_size());
    cut(alone.lse, heads);
    return alone;
  }

  int row_size() const { return heads * size; }

  AttentionParams Forward() {
    AttentionParams params;
    params.q = qkv.data();
    params.k = qkv.data() + row_size();
    params.v = qkv.data() + 2 * row_size();
    params.out = out.data();
    params.lse = lse.data();
    params.q_stride = params.k_stride = params.v_stride = 3 * row_size();
    params.out_stride = row_size();
    params.num_heads = heads;
    params.head_size = size;
    params.scale = 1.0f / std::sqrt(static_cast<float>(size));
    return params;
  }

  AttentionGradParams Backward() {
    const AttentionParams forward = Forward();
    AttentionGradParams params;
    params.q = forward.q;
    params.k = forward.k;
    params.v = forward.v;
    params.out = out.data();
    params.lse = lse.data();
    params.dout = dout.data();
    params.dq = grads.data();
    params.dk = grads.data() + row_size();
    params.dv = grads.data() + 2 * row_size();
    params.q_stride = params.k_stride = params.v_stride = 3 * row_size();
    params.dq_stride = params.dk_stride = params.dv_stride = 3 * row_size();
    params.out_stride = params.dout_stride = row_size();
    params.num_heads = heads;
    params.head_size = size;
    params.scale = forward.scale;
    return params;
  }

  void RunForward(ThreadPool& pool) {
    const absl::Status status = BlockSparseAttentionForward(Forward(), *plan, pool);
    ASSERT_TRUE(status.ok()) << status;
  }
  void RunBackward(ThreadPool& pool) {
    const absl::Status status = BlockSparseAttentionBackward(Backward(), *plan, pool);
    ASSERT_TRUE(status.ok()) << status;
  }

  TreeBatch batch;
  int heads, size;
  std::shared_ptr<const StructurePlan> plan;
  std::vector<float> qkv, dout, out, lse, grads;
};

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = a.size() == b.size() ? 0 : std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(difference <= largest)) largest = difference;  // keeps NaN
  }
  return largest;
}

// Forward and backward of `problem` against the reference.
void ExpectEqualsReference(Problem problem, ThreadPool& pool, double tolerance = 1e-5) {
  Problem reference = problem;
  ReferenceAttentionForward(reference.Forward(), reference.batch.view());
  ReferenceAttentionBackward(reference.Backward(), reference.batch.view());
  problem.RunForward(pool);
  problem.RunBackward(pool);
  EXPECT_LE(LargestDifference(problem.out, reference.out), tolerance);
  EXPECT_LE(LargestDifference(problem.lse, reference.lse), tolerance);
  // Gradients are sums over as many terms as a family has members.
  double scale = 1;
  for (float gradient : reference.grads)
    scale = std::max(scale, std::abs(static_cast<double>(gradient)));
  EXPECT_LE(LargestDifference(problem.grads, reference.grads), tolerance * scale);
}

TEST(BlockSparseAttentionTest, Example) {
  // <doc> 0; <sec> 1; <cls> 2 with words 3, 4; <cls> 5 with word 6. One head of size 4.
  TreeBatch batch;
  batch.Append({-1, 0, 1, 2, 2, 1, 5});
  const auto plan = StructurePlan::Build(batch.view());
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::vector<float> qkv(7 * 3 * 4, 0.0f), out(7 * 4);
  for (int token = 0; token < 7; ++token) qkv[(token * 3 + 2) * 4] = static_cast<float>(token);
  AttentionParams params;
  params.q = &qkv[0];
  params.k = &qkv[4];
  params.v = &qkv[8];
  params.q_stride = params.k_stride = params.v_stride = 12;
  params.out = out.data();
  params.out_stride = 4;
  params.num_heads = 1;
  params.head_size = 4;
  ThreadPool pool(2);
  ASSERT_TRUE(BlockSparseAttentionForward(params, **plan, pool).ok());
  // Equal scores: every token gets the mean of what it attends to.
  EXPECT_FLOAT_EQ(out[0 * 4], (0 + 1) / 2.0f);
  EXPECT_FLOAT_EQ(out[1 * 4], (0 + 1 + 2 + 5) / 4.0f);
  EXPECT_FLOAT_EQ(out[2 * 4], (1 + 2 + 5 + 3 + 4) / 5.0f);
  EXPECT_FLOAT_EQ(out[3 * 4], (2 + 3 + 4) / 3.0f);
  EXPECT_FLOAT_EQ(out[6 * 4], (5 + 6) / 2.0f);
}

TEST(BlockSparseAttentionTest, TenThousandShapes) {
  RandomTrees random(11);
  ThreadPool pool(2);
  for (int shape = 0; shape < 10'000; ++shape) {
    TreeBatch batch;
    for (int documents = random.Uniform(1, 3); documents > 0; --documents) {
      batch.Append(random.Chance(0.3)
                       ? random.Hdt(3, 3, 6)
                       : random.Document(random.Chance(0.05) ? 150 : 30, random.Uniform(1, 12)));
    }
    const int heads = random.Uniform(1, 2), size = random.Uniform(1, 20);
    ExpectEqualsReference(Problem(std::move(batch), heads, size, random), pool);
    if (HasFailure()) FAIL() << "shape " << shape;
  }
}

TEST(BlockSparseAttentionTest, EveryHeadSize) {
  RandomTrees random(12);
  ThreadPool pool(1);
  for (int size = 1; size <= kMaxHeadSize; size += size < 132 ? 1 : 31) {
    TreeBatch batch;
    batch.Append(random.Hdt(3, 3, 9));
    batch.Append(random.Document(40, 4));
    ExpectEqualsReference(Problem(std::move(batch), 1, size, random), pool);
    if (HasFailure()) FAIL() << "head size " << size;
  }
}

TEST(BlockSparseAttentionTest, LargeFamilies) {
  RandomTrees random(13);
  ThreadPool pool(2);
  for (int children : {62, 63, 64, 126, 127, 128, 129, 190, 255, 256, 257, 700}) {
    for (bool shuffled : {false, true}) {
      std::vector<int32_t> document = random.Star(children, children % 2 == 0);
      if (shuffled) random.Shuffle(document);
      TreeBatch batch;
      batch.Append({-1, 0, 0});
      batch.Append(document);
      // The star once more as the child of a root, where its head does not attend to itself.
      for (int32_t& parent : document)
        parent = parent < 0 ? static_cast<int32_t>(document.size()) : parent;
      document.push_back(-1);
      batch.Append(document);
      ExpectEqualsReference(Problem(std::move(batch), 2, 19, random), pool);
      if (HasFailure()) FAIL() << children << " children, shuffled " << shuffled;
    }
  }
}

TEST(BlockSparseAttentionTest, FiveThousandChildren) {
  RandomTrees random(14);
  ThreadPool pool(2);
  TreeBatch batch;
  batch.Append(random.Star(5000, false));
  ExpectEqualsReference(Problem(std::move(batch), 1, 16, random), pool);
}

TEST(BlockSparseAttentionTest, LargeScoresStayFinite) {
  RandomTrees random(15);
  ThreadPool pool(1);
  TreeBatch batch;
  batch.Append(random.Hdt(4, 4, 12));
  batch.Append(random.Star(300, true));
  Problem problem(std::move(batch), 2, 16, random, 30.0f);  // scores of some ±3000
  Problem reference = problem;
  problem.RunForward(pool);
  problem.RunBackward(pool);
  ReferenceAttentionForward(reference.Forward(), reference.batch.view());
  // Scores carry a relative error of 1e-7, so probabilities one of 1e-7 times the score.
  EXPECT_LE(LargestDifference(problem.out, reference.out), 0.1);
  for (float gradient : problem.grads) ASSERT_TRUE(std::isfinite(gradient));
}

TEST(BlockSparseAttentionTest, BitEqualAloneBatchedAndAtAnyThreadCount) {
  RandomTrees random(16);
  ThreadPool one(1), two(2), three(3);
  for (int size : {16, 20}) {
    TreeBatch batch;
    batch.Append(random.Hdt(5, 6, 20));
    batch.Append(random.Star(400, true));
    batch.Append({-1});
    for (int i = 0; i < 30; ++i) batch.Append(random.Document(60, 6));
    Problem batched(std::move(batch), 2, size, random);
    batched.RunForward(one);
    batched.RunBackward(one);
    for (ThreadPool* pool : {&two, &three}) {
      Problem again = batched;
      again.RunForward(*pool);
      again.RunBackward(*pool);
      EXPECT_EQ(again.out, batched.out);
      EXPECT_EQ(again.lse, batched.lse);
      EXPECT_EQ(again.grads, batched.grads);
    }
    for (size_t b = 0; b + 1 < batched.batch.cu_seqlens.size(); ++b) {
      const Problem expected = batched.Document(b);
      Problem alone = expected;
      alone.RunForward(two);
      alone.RunBackward(two);
      ASSERT_EQ(alone.out, expected.out) << "document " << b;
      ASSERT_EQ(alone.lse, expected.lse) << "document " << b;
      ASSERT_EQ(alone.grads, expected.grads) << "document " << b;
    }
  }
}

TEST(BlockSparseAttentionTest, SeparateBuffersAndNoLse) {
  RandomTrees random(17);
  ThreadPool pool(1);
  TreeBatch batch;
  batch.Append(random.Hdt(3, 4, 10));
  Problem packed(std::move(batch), 3, 8, random);
  packed.RunForward(pool);
  const int64_t tokens = packed.batch.num_tokens(), row = packed.row_size();
  std::vector<float> parts[3], out(tokens * (row + 5));
  for (int part = 0; part < 3; ++part) {
    parts[part].resize(tokens * (row + part));
    for (int64_t t = 0; t < tokens; ++t) {
      std::copy_n(&packed.qkv[(t * 3 + part) * row], row, &parts[part][t * (row + part)]);
    }
  }
  AttentionParams params = packed.Forward();
  params.q = parts[0].data();
  params.k = parts[1].data();
  params.v = parts[2].data();
  params.q_stride = row;
  params.k_stride = row + 1;
  params.v_stride = row + 2;
  params.out = out.data();
  params.out_stride = row + 5;
  params.lse = nullptr;
  ASSERT_TRUE(BlockSparseAttentionForward(params, *packed.plan, pool).ok());
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t i = 0; i < row; ++i) ASSERT_EQ(out[t * (row + 5) + i], packed.out[t * row + i]);
  }
}

TEST(BlockSparseAttentionTest, ANotANumberStaysInItsDocument) {
  RandomTrees random(18);
  ThreadPool pool(1);
  TreeBatch batch;
  batch.Append({-1, 0, 0});
  batch.Append({-1, 0, 0});
  Problem problem(std::move(batch), 1, 8, random);
  problem.qkv[1] = std::nanf("");
  problem.RunForward(pool);
  for (int i = 0; i < 3 * 8; ++i) {
    EXPECT_EQ(std::isnan(problem.out[i]), i < 8) << i;  // a query's NaN: its own row only
    EXPECT_FALSE(std::isnan(problem.out[3 * 8 + i]));
  }
}

// The reference itself: its gradients against central differences of its forward pass, in double.
TEST(BlockSparseAttentionTest, ReferenceGradientsAreThoseOfFiniteDifferences) {
  RandomTrees random(19);
  TreeBatch batch;
  batch.Append(HdtDocument({{2, 0}, {1}}, 1));
  batch.Append({-1});
  const int heads = 2, size = 3;
  const int64_t row = heads * size, tokens = batch.num_tokens();
  const std::vector<float> inputs = random.Normal(4 * tokens * row);
  std::vector<double> qkv(inputs.begin(), inputs.begin() + 3 * tokens * row);
  const std::vector<double> dout(inputs.begin() + 3 * tokens * row, inputs.end());
  std::vector<double> out(tokens * row), lse(tokens * heads), grads(3 * tokens * row);
  BasicAttentionParams<double> forward{&qkv[0],    &qkv[row], &qkv[2 * row], out.data(),
                                       lse.data(), 3 * row,   3 * row,       3 * row,
                                       row,        heads,     size,          0.7};
  auto loss = [&] {
    ReferenceAttentionForward(forward, batch.view());
    double sum = 0;
    for (size_t i = 0; i < out.size(); ++i) sum += out[i] * dout[i];
    return sum;
  };
  loss();
  BasicAttentionGradParams<double> backward;
  backward.q = forward.q;
  backward.k = forward.k;
  backward.v = forward.v;
  backward.out = out.data();
  backward.lse = lse.data();
  backward.dout = dout.data();
  backward.dq = &grads[0];
  backward.dk = &grads[row];
  backward.dv = &grads[2 * row];
  backward.q_stride = backward.k_stride = backward.v_stride = 3 * row;
  backward.dq_stride = backward.dk_stride = backward.dv_stride = 3 * row;
  backward.out_stride = backward.dout_stride = row;
  backward.num_heads = heads;
  backward.head_size = size;
  backward.scale = 0.7;
  ReferenceAttentionBackward(backward, batch.view());
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < qkv.size(); ++i) {
    const double value = qkv[i];
    qkv[i] = value + kStep;
    const double above = loss();
    qkv[i] = value - kStep;
    const double below = loss();
    qkv[i] = value;
    ASSERT_NEAR(grads[i], (above - below) / (2 * kStep), 1e-8) << i;
  }
}

TEST(BlockSparseAttentionTest, ProbabilitiesSumToOneAndGiveTheOutput) {
  RandomTrees random(20);
  ThreadPool pool(1);
  TreeBatch batch;
  batch.Append(random.Hdt(3, 3, 5));
  batch.Append({-1, 0});
  Problem problem(std::move(batch), 2, 8, random);
  problem.RunForward(pool);
  const int tokens = problem.batch.num_tokens(), n = tokens + 3;
  std::vector<float> probabilities(2 * n * n, -1.0f);
  ASSERT_TRUE(
      AttentionProbabilities(problem.Forward(), *problem.plan, n, probabilities.data()).ok());
  for (int head = 0; head < 2; ++head) {
    for (int x = 0; x < n; ++x) {
      const float* row = &probabilities[(head * n + x) * n];
      double sum = 0, out = 0;
      for (int y = 0; y < n; ++y) {
        sum += row[y];
        if (y < tokens) out += row[y] * problem.Forward().v[y * 3 * 16 + head * 8];
      }
      EXPECT_NEAR(sum, x < tokens ? 1 : 0, 1e-6);
      EXPECT_NEAR(out, x < tokens ? problem.out[x * 16 + head * 8] : 0, 1e-5);
    }
  }
  EXPECT_EQ(
      AttentionProbabilities(problem.Forward(), *problem.plan, tokens - 1, probabilities.data())
          .code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(BlockSparseAttentionTest, RefusesBadArguments) {
  RandomTrees random(21);
  ThreadPool pool(1);
  TreeBatch batch;
  batch.Append({-1, 0});
  Problem problem(std::move(batch), 2, 8, random);
  auto error = [&](auto change) {
    AttentionParams params = problem.Forward();
    change(params);
    const absl::Status status = BlockSparseAttentionForward(params, *problem.plan, pool);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  auto grad_error = [&](auto change) {
    AttentionGradParams params = problem.Backward();
    change(params);
    const absl::Status status = BlockSparseAttentionBackward(params, *problem.plan, pool);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error([](auto& params) { params.head_size = 0; }), HasSubstr("head_size is 0"));
  EXPECT_THAT(error([](auto& params) { params.head_size = 257; }), HasSubstr("head_size is 257"));
  EXPECT_THAT(error([](auto& params) { params.num_heads = 0; }), HasSubstr("num_heads is 0"));
  EXPECT_THAT(error([](auto& params) { params.scale = std::nanf(""); }), HasSubstr("scale"));
  EXPECT_THAT(error([](auto& params) { params.q = nullptr; }), HasSubstr("q is null"));
  EXPECT_THAT(error([](auto& params) { params.k_stride = 15; }), HasSubstr("k_stride is 15"));
  EXPECT_THAT(error([](auto& params) { params.out_stride = -16; }), HasSubstr("out_stride is -16"));
  EXPECT_THAT(grad_error([](auto& params) { params.dv = nullptr; }), HasSubstr("dv is null"));
  EXPECT_THAT(grad_error([](auto& params) { params.lse = nullptr; }), HasSubstr("lse is null"));
  EXPECT_THAT(grad_error([](auto& params) { params.dout_stride = 0; }),
              HasSubstr("dout_stride is 0"));
}

}  // namespace
}  // namespace strata::kernels
