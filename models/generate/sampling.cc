#include "models/generate/sampling.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata::models {
namespace {

constexpr double kOut = -std::numeric_limits<double>::infinity();

// The k-th best score of each row, [R, 1].
at::Tensor KthBest(const at::Tensor& scores, int64_t k) {
  return std::get<0>(at::topk(scores, std::min(k, scores.size(-1)))).narrow(-1, -1, 1);
}

// `drop` speaks of sorted places; back at the tokens' own places.
at::Tensor DropSorted(const at::Tensor& scores, const at::Tensor& order, const at::Tensor& drop) {
  return scores.masked_fill(drop.scatter(1, order, drop), kOut);
}

at::Tensor TopP(const at::Tensor& scores, double top_p, int64_t kept) {
  const auto [sorted, order] = at::sort(scores, -1, /*descending=*/false);
  at::Tensor drop = at::softmax(sorted, -1).cumsum(-1) <= 1 - top_p;
  kept = std::min(kept, drop.size(-1));
  drop.narrow(-1, drop.size(-1) - kept, kept).fill_(false);
  return DropSorted(scores, order, drop);
}

// Keeps tokens whose surprise is nearest to the expected one, up to a mass.
at::Tensor Typical(const at::Tensor& scores, double mass, int64_t kept) {
  const at::Tensor logs = at::log_softmax(scores, -1);
  const at::Tensor entropy = -(logs * logs.exp()).nansum(-1, /*keepdim=*/true);
  const auto [distance, order] = at::sort((-logs - entropy).abs(), -1, /*descending=*/false);
  const at::Tensor cumulative = at::softmax(scores.gather(-1, order), -1).cumsum(-1);
  const at::Tensor last = (cumulative < mass).sum(1).clamp_max(scores.size(-1) - 1);
  at::Tensor drop = distance > distance.gather(1, last.view({-1, 1}));
  drop.narrow(-1, 0, std::min(kept, drop.size(-1))).fill_(false);
  return DropSorted(scores, order, drop);
}

// Drops what is less likely than `cutoff` ([R, 1] or a number), save the best `kept`.
at::Tensor Cutoff(const at::Tensor& scores, const at::Tensor& cutoff, int64_t kept) {
  const at::Tensor unlikely = at::softmax(scores, -1) < cutoff;
  return scores.masked_fill(at::logical_and(unlikely, scores < KthBest(scores, kept)), kOut);
}

at::Tensor EtaCutoff(const at::Tensor& scores, double epsilon) {
  const at::Tensor logs = at::log_softmax(scores, -1);
  const at::Tensor entropy =
      -(logs.clamp_min(std::numeric_limits<float>::lowest()) * logs.exp()).sum(-1, true);
  return (std::sqrt(static_cast<float>(epsilon)) * (-entropy).exp()).clamp_max(epsilon);
}

}  // namespace

at::Tensor WarpLogits(const GenerationOptions& options, at::Tensor scores) {
  int64_t kept = 1;
  if (options.num_beams > 1) {
    kept = std::max<int64_t>(2, 1 + std::ssize(options.eos_token_id));
  }
  if (options.temperature != 1.0) scores = scores / options.temperature;
  if (options.top_k != 0) {
    scores =
        scores.masked_fill(scores < KthBest(scores, std::max<int64_t>(options.top_k, kept)), kOut);
  }
  if (options.top_p < 1.0) scores = TopP(scores, options.top_p, kept);
  if (options.typical_p < 1.0) scores = Typical(scores, options.typical_p, kept);
  if (options.epsilon_cutoff > 0 && options.epsilon_cutoff < 1) {
    scores = Cutoff(scores, at::full({1, 1}, options.epsilon_cutoff), kept);
  }
  if (options.eta_cutoff > 0 && options.eta_cutoff < 1) {
    scores = Cutoff(scores, EtaCutoff(scores, options.eta_cutoff), kept);
  }
  if (options.renormalize_logits) scores = at::log_softmax(scores, -1);
  return scores;
}

at::Generator MakeGenerator(uint64_t seed) { return at::detail::createCPUGenerator(seed); }

}  // namespace strata::models
