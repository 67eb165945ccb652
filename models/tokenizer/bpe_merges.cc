#include "models/tokenizer/bpe_merges.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <queue>

namespace strata::models {
namespace {

constexpr uint32_t kNever = 0xFFFFFFFF;  // rank of a pair that does not merge
constexpr size_t kShort = 48;            // below it a scan over all pairs beats a heap

}  // namespace

BpeMerges::Merge BpeMerges::Find(int32_t left, int32_t right) const {
  const auto found = merges_.find(Key(left, right));
  return found == merges_.end() ? Merge{kNever, -1} : found->second;
}

void BpeMerges::Apply(std::vector<BpeSymbol>& symbols) const {
  if (symbols.size() < 2) return;
  if (symbols.size() <= kShort) {
    ApplyShort(symbols);
  } else {
    ApplyLong(symbols);
  }
}

void BpeMerges::ApplyShort(std::vector<BpeSymbol>& symbols) const {
  Merge pairs[kShort];  // pairs[i] joins symbols i and i + 1
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = Find(symbols[i].id, symbols[i + 1].id);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNever) break;
    symbols[best] = {pairs[best].merged, symbols[best].length + symbols[best + 1].length};
    for (size_t i = best + 1; i + 1 < count; ++i) symbols[i] = symbols[i + 1];
    for (size_t i = best; i + 2 < count; ++i) pairs[i] = pairs[i + 1];
    --count;
    if (best > 0) pairs[best - 1] = Find(symbols[best - 1].id, symbols[best].id);
    if (best + 1 < count) pairs[best] = Find(symbols[best].id, symbols[best + 1].id);
  }
  symbols.resize(count);
}

void BpeMerges::ApplyLong(std::vector<BpeSymbol>& symbols) const {
  struct Link {
    uint32_t previous, next;
  };
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<Link> links(count);
  // Entries are rank and position; one whose pair has changed since is out of date and is dropped.
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> queue;
  const auto push = [&](uint32_t left, uint32_t right) {
    const Merge merge = Find(symbols[left].id, symbols[right].id);
    if (merge.rank != kNever) queue.push(static_cast<uint64_t>(merge.rank) << 32 | left);
  };
  for (uint32_t i = 0; i < count; ++i) {
    links[i] = {i - 1, i + 1};
    if (i + 1 < count) push(i, i + 1);
  }
  while (!queue.empty()) {
    const auto rank = static_cast<uint32_t>(queue.top() >> 32);
    const auto left = static_cast<uint32_t>(queue.top());
    queue.pop();
    const uint32_t right = links[left].next;
    if (symbols[left].length == 0 || right == count) continue;
    const Merge merge = Find(symbols[left].id, symbols[right].id);
    if (merge.rank != rank) continue;
    symbols[left] = {merge.merged, symbols[left].length + symbols[right].length};
    symbols[right].length = 0;
    links[left].next = links[right].next;
    if (links[left].next < count) {
      links[links[left].next].previous = left;
      push(left, links[left].next);
    }
    if (left > 0) push(links[left].previous, left);
  }
  symbols.erase(std::remove_if(symbols.begin(), symbols.end(),
                               [](const BpeSymbol& symbol) { return symbol.length == 0; }),
                symbols.end());
}

}  // namespace strata::models
