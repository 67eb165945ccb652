// Compares two documents by the vectors that a kMatch pass gave them.
#ifndef STRATA_MODELS_ENGINE_MATCH_H_
#define STRATA_MODELS_ENGINE_MATCH_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "models/document/byte_span.h"
#include "models/engine/engine.h"
#include "models/engine/result.h"

namespace strata::models {

struct MatchScore {
  // A model that is trained to match: its own score, any number. Any other: the cosine of the
  // documents' vectors, -1 to 1.
  float score = 0;
  // That the documents match; only of a model that is trained to.
  std::optional<float> probability;
};

// Both results are of kMatch requests to the model that `info` describes.
MatchScore ScoreMatch(const ModelInfo& info, const TaskResult& first, const TaskResult& second);

// Two blocks (SMITH's sentence blocks, else sentences) and the cosine of their vectors.
struct BlockPair {
  ByteSpan first, second;  // in the sources of the two documents
  float similarity = 0;
};

// Blocks of one document that BestBlockPairs looks at; it compares each with each.
inline constexpr size_t kMaxComparedBlocks = 1024;

// For each block of `second` the block of `first` that is most like it; of these the `max_pairs`
// most alike, best first. Of each document the first kMaxComparedBlocks blocks take part.
std::vector<BlockPair> BestBlockPairs(const TaskResult& first, const TaskResult& second,
                                      size_t max_pairs);

// The source bytes of the blocks that a result was made of, in document order.
std::vector<ByteSpan> BlocksOf(const TaskResult& result);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_MATCH_H_
