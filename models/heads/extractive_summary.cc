#include "models/heads/extractive_summary.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <set>

namespace strata::models {
namespace {

constexpr double kTiny = 1e-12;

at::Tensor UnitRows(const at::Tensor& vectors) {
  return vectors / vectors.norm(2, {1}, /*keepdim=*/true).clamp_min(kTiny);
}

double Dice(const std::set<int32_t>& a, const std::set<int32_t>& b) {
  if (a.empty() || b.empty()) return 0;
  std::vector<int32_t> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return 2.0 * static_cast<double>(common.size()) / static_cast<double>(a.size() + b.size());
}

// Similarity of sentences, compared a pair at a time: a document may have ten thousands.
class Likeness {
 public:
  explicit Likeness(const ExtractCandidates& candidates)
      : candidates_(candidates),
        unit_(UnitRows(candidates.vectors - candidates.vectors.mean(0, /*keepdim=*/true))
                  .contiguous()) {}

  double Of(size_t a, size_t b) const {
    const int64_t size = unit_.size(1);
    const float* first = unit_.const_data_ptr<float>();
    const float* x = first + static_cast<int64_t>(a) * size;
    const float* y = first + static_cast<int64_t>(b) * size;
    const double cosine = std::inner_product(x, x + size, y, 0.0);
    return std::clamp(std::max(cosine, Dice(Words(a), Words(b))), 0.0, 1.0);
  }

 private:
  std::set<int32_t> Words(size_t sentence) const {
    const std::vector<int32_t>& ids = candidates_.token_ids[sentence];
    return {ids.begin(), ids.end()};
  }

  const ExtractCandidates& candidates_;
  const at::Tensor unit_;  // [S, d]
};

}  // namespace

double SentenceSimilarity(const ExtractCandidates& candidates, size_t a, size_t b) {
  return Likeness(candidates).Of(a, b);
}

std::vector<size_t> ExtractSentences(const ExtractCandidates& candidates,
                                     const ExtractBudget& budget) {
  const size_t count = candidates.weights.size();
  if (count == 0) return {};
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return candidates.weights[a] > candidates.weights[b];
  });
  const Likeness likeness(candidates);
  std::vector<size_t> chosen;
  int64_t words = 0;
  for (size_t sentence : order) {
    if (budget.max_sentences > 0 && std::ssize(chosen) >= budget.max_sentences) break;
    const int64_t with_it = words + candidates.num_words[sentence];
    if (budget.max_words > 0 && with_it > budget.max_words) continue;
    const bool said = budget.max_similarity < 1 && std::ranges::any_of(chosen, [&](size_t other) {
                        return likeness.Of(sentence, other) > budget.max_similarity;
                      });
    if (said) continue;
    chosen.push_back(sentence);
    words = with_it;
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::vector<float> CentralityWeights(const at::Tensor& vectors) {
  const at::Tensor unit = UnitRows(vectors);
  const at::Tensor middle = UnitRows(unit.mean(0, /*keepdim=*/true));
  at::Tensor near = at::matmul(unit, middle.squeeze(0)).clamp_min(0);
  const double total = near.sum().item<double>();
  near =
      total > kTiny ? near / total : at::full_like(near, 1.0 / static_cast<double>(near.size(0)));
  near = near.contiguous();
  return {near.const_data_ptr<float>(), near.const_data_ptr<float>() + near.numel()};
}

}  // namespace strata::models
