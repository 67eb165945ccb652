#include "models/generate/beam_hypotheses.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace strata::models {

double BeamHypotheses::Score(double sum_of_logs, int64_t new_tokens) const {
  return sum_of_logs / std::pow(static_cast<double>(new_tokens), length_penalty_);
}

void BeamHypotheses::Add(GeneratedSequence sequence, double sum_of_logs, int64_t new_tokens) {
  sequence.score = Score(sum_of_logs, new_tokens);
  const double score = sequence.score;
  if (std::ssize(kept_) >= capacity_ && !(score > worst_)) return;
  kept_.push_back(std::move(sequence));
  if (std::ssize(kept_) <= capacity_) {
    worst_ = std::min(score, worst_);
    return;
  }
  const auto by_score = [](const GeneratedSequence& a, const GeneratedSequence& b) {
    return a.score < b.score;
  };
  kept_.erase(std::min_element(kept_.begin(), kept_.end(), by_score));
  worst_ = std::min_element(kept_.begin(), kept_.end(), by_score)->score;
}

bool BeamHypotheses::IsDone(double best_sum_of_logs, int64_t new_tokens) const {
  if (std::ssize(kept_) < capacity_) return false;
  if (early_stopping_ == EarlyStopping::kAtOnce) return true;
  // A sum is negative: under a positive penalty a longer sequence can only look better.
  const bool at_longest = early_stopping_ == EarlyStopping::kNever && length_penalty_ > 0;
  return worst_ >= Score(best_sum_of_logs, at_longest ? longest_ : new_tokens);
}

}  // namespace strata::models
