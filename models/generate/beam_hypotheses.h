// The best finished sequences of one beam search, and when more cannot better them.
//
// Source: BeamHypotheses of transformers 4.38; which of equal scores goes or stays is its choice
// too.
#ifndef STRATA_MODELS_GENERATE_BEAM_HYPOTHESES_H_
#define STRATA_MODELS_GENERATE_BEAM_HYPOTHESES_H_

#include <vector>

#include "models/generate/generation_options.h"
#include "models/generate/search.h"

namespace strata::models {

class BeamHypotheses {
 public:
  // Keeps the best `capacity`. `longest`: new tokens that a sequence can have.
  BeamHypotheses(int64_t capacity, double length_penalty, EarlyStopping early_stopping,
                 int64_t longest)
      : capacity_(capacity),
        length_penalty_(length_penalty),
        early_stopping_(early_stopping),
        longest_(longest) {}

  // `sequence.score` is set. `new_tokens` count the end token.
  void Add(GeneratedSequence sequence, double sum_of_logs, int64_t new_tokens);

  // Whether an open beam of this sum and length could still displace one of the kept.
  bool IsDone(double best_sum_of_logs, int64_t new_tokens) const;

  const std::vector<GeneratedSequence>& kept() const { return kept_; }  // in order of arrival

 private:
  double Score(double sum_of_logs, int64_t new_tokens) const;

  int64_t capacity_;
  double length_penalty_;
  EarlyStopping early_stopping_;
  int64_t longest_;
  std::vector<GeneratedSequence> kept_;
  double worst_ = 1e9;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_GENERATE_BEAM_HYPOTHESES_H_
