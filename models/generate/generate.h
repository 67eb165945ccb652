// Generates token sequences for a batch of documents with an encoder-decoder.
#ifndef STRATA_MODELS_GENERATE_GENERATE_H_
#define STRATA_MODELS_GENERATE_GENERATE_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "models/generate/generation_options.h"
#include "models/generate/search.h"
#include "models/layers/sequence_decoder.h"

namespace strata::models {

struct GenerationInput {
  SearchInput search;
  // Called with tokens of the best sequence as soon as no later step can change them: one a step
  // for greedy search and a single sample, less often for beams. May be null.
  std::function<void(const std::vector<int32_t>& new_tokens)> on_tokens;
  // Asked once a step; true drops this document alone. May be null.
  std::function<bool()> cancelled;
  bool attention = false;  // fill GeneratedSequence::attention
};

struct GenerationOutput {
  absl::Status status;  // CANCELLED, or what this document's options did not allow
  std::vector<GeneratedSequence> sequences;
  at::Tensor step_logits;  // [steps, V]; see Search::StepLogits
};

// One input for each document of `memory`, in order. Each document's tokens depend on its own input
// alone; a document that is done takes no more time. `cancelled` (may be null) is asked once a step
// and ends the call with CANCELLED. INVALID_ARGUMENT: prompts of different lengths, options that
// CheckGenerationOptions refuses, a memory that does not fit.
absl::StatusOr<std::vector<GenerationOutput>> Generate(const SequenceDecoder& decoder,
                                                       const EncoderMemory& memory,
                                                       const std::vector<GenerationInput>& inputs,
                                                       const std::function<bool()>& cancelled);

}  // namespace strata::models

#endif  // STRATA_MODELS_GENERATE_GENERATE_H_
