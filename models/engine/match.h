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

// Blocks of one document that BlockMatcher looks at; it compares each with each.
inline constexpr size_t kMaxComparedBlocks = 1024;

// One document's blocks, to be compared with those of others. Of each document the first
// kMaxComparedBlocks blocks take part. Thread-safe.
class BlockMatcher {
 public:
  explicit BlockMatcher(const TaskResult& first);

  // For each block of `second` the block of the first that is most like it; of these the
  // `max_pairs` most alike, best first.
  std::vector<BlockPair> BestPairs(const TaskResult& second, size_t max_pairs) const;

 private:
  struct Block {
    ByteSpan source;
    std::vector<float> unit;  // of length 1, or 0
  };
  static std::vector<Block> UnitBlocks(const TaskResult& result);

  const std::vector<Block> blocks_;
};

// The source bytes of the blocks that a result was made of, in document order.
std::vector<ByteSpan> BlocksOf(const TaskResult& result);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_MATCH_H_
