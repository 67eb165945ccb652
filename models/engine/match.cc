#include "models/engine/match.h"

#include <algorithm>
#include <cmath>

namespace strata::models {
namespace {

double Dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += double{a[i]} * b[i];
  return sum;
}

double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  const double length = std::sqrt(Dot(a, a) * Dot(b, b));
  return length > 0 ? Dot(a, b) / length : 0;
}

const std::vector<float>& DocumentVector(const TaskResult& result) {
  static const std::vector<float> kNone;
  for (const Embedding& embedding : result.embeddings) {
    if (embedding.level == EmbeddingLevel::kDocument) return embedding.values;
  }
  return kNone;
}

float FloatDot(const std::vector<float>& a, const std::vector<float>& b) {
  float sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

MatchScore ScoreMatch(const ModelInfo& info, const TaskResult& first, const TaskResult& second) {
  const std::vector<float>& a = DocumentVector(first);
  const std::vector<float>& b = DocumentVector(second);
  MatchScore match;
  if (info.match_amplifier == 0) {
    match.score = static_cast<float>(Cosine(a, b));
    return match;
  }
  const double logit = info.match_amplifier * Dot(a, b);
  match.score = static_cast<float>(logit);
  match.probability = static_cast<float>(1 / (1 + std::exp(-logit)));
  return match;
}

BlockMatcher::BlockMatcher(const TaskResult& first) : blocks_(UnitBlocks(first)) {}

std::vector<BlockPair> BlockMatcher::BestPairs(const TaskResult& second, size_t max_pairs) const {
  std::vector<BlockPair> pairs;
  if (blocks_.empty() || max_pairs == 0) return pairs;
  for (const Block& block : UnitBlocks(second)) {
    BlockPair best{blocks_[0].source, block.source, -2};
    for (const Block& other : blocks_) {
      const float similarity = FloatDot(other.unit, block.unit);
      if (similarity > best.similarity) best = {other.source, block.source, similarity};
    }
    pairs.push_back(best);
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const BlockPair& a, const BlockPair& b) {
    return a.similarity > b.similarity;
  });
  pairs.resize(std::min(pairs.size(), max_pairs));
  return pairs;
}

std::vector<BlockMatcher::Block> BlockMatcher::UnitBlocks(const TaskResult& result) {
  std::vector<Block> blocks;
  for (const Embedding& embedding : result.embeddings) {
    if (embedding.level != EmbeddingLevel::kSentence) continue;
    if (blocks.size() == kMaxComparedBlocks) break;
    Block& block = blocks.emplace_back(Block{embedding.source, embedding.values});
    const double length = std::sqrt(Dot(block.unit, block.unit));
    for (float& value : block.unit) value = length > 0 ? static_cast<float>(value / length) : 0;
  }
  return blocks;
}

std::vector<ByteSpan> BlocksOf(const TaskResult& result) {
  std::vector<ByteSpan> blocks;
  for (const Embedding& embedding : result.embeddings) {
    if (embedding.level == EmbeddingLevel::kSentence) blocks.push_back(embedding.source);
  }
  return blocks;
}

}  // namespace strata::models
