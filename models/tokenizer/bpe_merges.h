// Merging the symbols of one word in order of rank.
#ifndef STRATA_MODELS_TOKENIZER_BPE_MERGES_H_
#define STRATA_MODELS_TOKENIZER_BPE_MERGES_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace strata::models {

struct BpeSymbol {
  int32_t id;
  uint32_t length;  // bytes of the word
};

class BpeMerges {
 public:
  // The pair's later mention counts, as in the package.
  void Set(int32_t left, int32_t right, uint32_t rank, int32_t merged) {
    merges_[Key(left, right)] = {rank, merged};
  }

  // Of all pairs the one with the lowest rank is merged, the leftmost of those, again and again.
  // O(n log n) for n symbols.
  void Apply(std::vector<BpeSymbol>& symbols) const;

 private:
  struct Merge {
    uint32_t rank;
    int32_t merged;
  };

  static uint64_t Key(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  Merge Find(int32_t left, int32_t right) const;
  void ApplyShort(std::vector<BpeSymbol>& symbols) const;
  void ApplyLong(std::vector<BpeSymbol>& symbols) const;

  absl::flat_hash_map<uint64_t, Merge> merges_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_BPE_MERGES_H_
