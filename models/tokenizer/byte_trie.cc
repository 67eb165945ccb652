#include "models/tokenizer/byte_trie.h"

#include <algorithm>
#include <deque>

namespace strata::models {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  units_.resize(1);
  units_[kRoot].parent = kFree - 1;  // taken, and nobody's child
  struct Range {
    uint32_t node;
    size_t begin, end, depth;  // entries that share their first `depth` bytes
  };
  std::deque<Range> open = {{kRoot, 0, entries.size(), 0}};
  std::vector<unsigned char> labels;
  std::vector<size_t> starts;
  while (!open.empty()) {
    const Range range = open.front();
    open.pop_front();
    labels.clear();
    starts.clear();
    for (size_t i = range.begin; i < range.end; ++i) {
      const std::string_view key = entries[i].first;
      if (key.size() == range.depth) {
        units_[range.node].value = entries[i].second;
        continue;
      }
      const auto label = static_cast<unsigned char>(key[range.depth]);
      if (labels.empty() || labels.back() != label) {
        labels.push_back(label);
        starts.push_back(i);
      }
    }
    if (labels.empty()) continue;
    const uint32_t base = FindBase(labels);
    units_[range.node].base = base;
    starts.push_back(range.end);
    for (size_t k = 0; k < labels.size(); ++k) {
      const uint32_t child = base + labels[k];
      units_[child].parent = range.node;
      open.push_back({child, starts[k], starts[k + 1], range.depth + 1});
    }
  }
}

// The first place where all children fit, counted from where free units are still common.
uint32_t ByteTrie::FindBase(const std::vector<unsigned char>& labels) {
  size_t seen = 0, taken = 0;
  for (size_t first = std::max(search_from_, static_cast<size_t>(labels[0]) + 1);; ++first) {
    const size_t base = first - labels[0];
    if (units_.size() < base + 256) units_.resize(base + 512);
    ++seen;
    if (units_[first].parent != kFree) {
      ++taken;
      continue;
    }
    const bool fits = std::all_of(labels.begin(), labels.end(), [&](unsigned char label) {
      return units_[base + label].parent == kFree;
    });
    if (!fits) continue;
    if (taken * 20 >= seen * 19) search_from_ = first;  // 95 % full up to here: not again
    return static_cast<uint32_t>(base);
  }
}

}  // namespace strata::models
