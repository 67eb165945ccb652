// The objectives against their definitions in plain loops.
#include "models/hat/hat_objectives.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "gtest/gtest.h"

namespace strata::models {
namespace {

double At(const at::Tensor& tensor, int64_t i, int64_t j) { return tensor[i][j].item<double>(); }

double Dot(const at::Tensor& a, const at::Tensor& b) { return a.dot(b).item<double>(); }

double Norm(const at::Tensor& a) { return std::sqrt(Dot(a, a)); }

TEST(HatObjectives, ViewDistanceIsOneLessTheMeanCosine) {
  at::manual_seed(1);
  const at::Tensor x = at::randn({5, 3}, at::kDouble), y = at::randn({5, 3}, at::kDouble);
  double sum = 0;
  for (int64_t i = 0; i < 5; ++i) sum += Dot(x[i], y[i]) / Norm(x[i]) / Norm(y[i]);
  EXPECT_NEAR(ViewDistance(x, y).item<double>(), 1 - sum / 5, 1e-12);
}

TEST(HatObjectives, VicReg) {
  at::manual_seed(2);
  const int64_t n = 6, d = 4;
  const at::Tensor x = at::randn({n, d}, at::kDouble), y = 0.1 * at::randn({n, d}, at::kDouble);
  double variance = 0, covariance = 0;
  for (const at::Tensor& v : {x, y}) {
    for (int64_t j = 0; j < d; ++j) {
      double mean = 0, square = 0;
      for (int64_t i = 0; i < n; ++i) mean += At(v, i, j) / n;
      for (int64_t i = 0; i < n; ++i) square += std::pow(At(v, i, j) - mean, 2) / (n - 1);
      variance += std::max(0.0, 1 - std::sqrt(square + 1e-4)) / d / 2;
      for (int64_t k = 0; k < d; ++k) {
        double product = 0;
        for (int64_t i = 0; i < n; ++i) product += At(v, i, j) * At(v, i, k) / (n - 1);
        if (k != j) covariance += product * product / d;
      }
    }
  }
  const VicRegTerms terms = VicReg(x, y);
  EXPECT_NEAR(terms.variance.item<double>(), variance, 1e-12);
  EXPECT_NEAR(terms.covariance.item<double>(), covariance, 1e-12);
}

TEST(HatObjectives, ContrastFindsTheOtherView) {
  at::manual_seed(3);
  const int64_t n = 4;
  const double temperature = 0.5;
  const at::Tensor x = at::randn({n, 3}, at::kDouble), y = at::randn({n, 3}, at::kDouble);
  const at::Tensor counted = at::tensor({1, 0, 1, 1}).to(at::kBool);
  const at::Tensor all = at::cat({x, y});
  double losses[2] = {0, 0};
  for (int view = 0; view < 2; ++view) {
    for (int64_t i = 0; i < n; ++i) {
      if (i == 1) continue;
      const at::Tensor query = view == 0 ? x[i] : y[i];
      double total = 0, target = 0;
      for (int64_t j = 0; j < 2 * n; ++j) {
        double score = Dot(query, all[j]) / temperature;
        if (j == i + view * n) score -= 1e3;        // itself
        if (view == 0 && j % n == 1) score = -1e3;  // left out, for x only
        if (j == i + (1 - view) * n) target = score;
        total += std::exp(score);
      }
      losses[view] += (std::log(total) - target) / 3;
    }
  }
  EXPECT_NEAR(ContrastiveLoss(x, y, counted, temperature).item<double>(),
              (losses[0] + losses[1]) / 2, 1e-10);
}

}  // namespace
}  // namespace strata::models
