// Batches of document trees for tests and benchmarks; not part of the library.
#ifndef STRATA_KERNELS_PLAN_RANDOM_TREE_H_
#define STRATA_KERNELS_PLAN_RANDOM_TREE_H_

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

// A packed batch that owns its arrays; documents are appended one after another.
struct TreeBatch {
  std::vector<int32_t> parents;
  std::vector<int32_t> cu_seqlens = {0};

  TreeView view() const { return {parents, cu_seqlens}; }
  int32_t num_tokens() const { return static_cast<int32_t>(parents.size()); }

  // `local` counts from the document's first token; -1 is a root.
  void Append(const std::vector<int32_t>& local) {
    const int32_t begin = num_tokens();
    for (int32_t parent : local) parents.push_back(parent < 0 ? -1 : begin + parent);
    cu_seqlens.push_back(num_tokens());
  }

  // Document b alone.
  TreeBatch Document(size_t b) const {
    std::vector<int32_t> local(parents.begin() + cu_seqlens[b],
                               parents.begin() + cu_seqlens[b + 1]);
    for (int32_t& parent : local) parent = parent < 0 ? -1 : parent - cu_seqlens[b];
    TreeBatch alone;
    alone.Append(local);
    return alone;
  }
};

// HDT's shape: <doc>, for each section <sec>, for each of its sentences <cls> and the words. The
// query tokens, if any, are leaves of <doc> that stand in front of it.
inline std::vector<int32_t> HdtDocument(const std::vector<std::vector<int>>& words_of_sentences,
                                        int num_query_tokens = 0) {
  std::vector<int32_t> parents(num_query_tokens, num_query_tokens);
  const int32_t document = num_query_tokens;
  parents.push_back(-1);
  for (const std::vector<int>& section : words_of_sentences) {
    const int32_t section_anchor = static_cast<int32_t>(parents.size());
    parents.push_back(document);
    for (int words : section) {
      const int32_t sentence_anchor = static_cast<int32_t>(parents.size());
      parents.push_back(section_anchor);
      parents.insert(parents.end(), words, sentence_anchor);
    }
  }
  return parents;
}

// Trees of every kind that the kernels must take.
class RandomTrees {
 public:
  explicit RandomTrees(uint64_t seed) : generator_(seed) {}

  int Uniform(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(generator_);
  }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(generator_); }

  // At most max_tokens tokens and max_depth levels; from chains to stars, often in document order,
  // sometimes shuffled (children before their parent), sometimes a forest.
  std::vector<int32_t> Document(int max_tokens, int max_depth) {
    const int size = Uniform(1, max_tokens);
    const int branching = 1 << Uniform(0, 6);
    std::vector<int32_t> parents = {-1};
    std::vector<int> level = {1};
    std::vector<int32_t> path = {0};  // from the root to the newest node
    while (static_cast<int>(parents.size()) < size) {
      const int32_t token = static_cast<int32_t>(parents.size());
      if (Chance(0.02)) path.clear();  // one more root
      while (static_cast<int>(path.size()) >= max_depth) path.pop_back();
      while (path.size() > 1 && Chance(1.0 / (branching + 1))) path.pop_back();
      parents.push_back(path.empty() ? -1 : path.back());
      // A new node is opened for children of its own, or stays a leaf.
      if (path.empty() || Chance(2.0 / (branching + 1))) path.push_back(token);
    }
    if (Chance(0.3)) Shuffle(parents);
    return parents;
  }

  // A root with `children` children, some of which have children of their own.
  std::vector<int32_t> Star(int children, bool with_grandchildren) {
    std::vector<int32_t> parents = {-1};
    for (int i = 0; i < children; ++i) {
      const int32_t child = static_cast<int32_t>(parents.size());
      parents.push_back(0);
      if (with_grandchildren && i % 7 == 3) parents.insert(parents.end(), Uniform(1, 5), child);
    }
    return parents;
  }

  // A document of HDT's shape; sections and sentences may be empty.
  std::vector<int32_t> Hdt(int max_sections, int max_sentences, int max_words) {
    std::vector<std::vector<int>> sections(Uniform(0, max_sections));
    for (auto& section : sections) {
      section.resize(Uniform(0, max_sentences));
      for (int& words : section) words = Uniform(0, max_words);
    }
    return HdtDocument(sections, Chance(0.3) ? Uniform(1, 8) : 0);
  }

  // Renumbers the nodes at random.
  void Shuffle(std::vector<int32_t>& parents) {
    std::vector<int32_t> place(parents.size());
    std::iota(place.begin(), place.end(), 0);
    std::shuffle(place.begin(), place.end(), generator_);
    std::vector<int32_t> shuffled(parents.size());
    for (size_t t = 0; t < parents.size(); ++t) {
      shuffled[place[t]] = parents[t] < 0 ? -1 : place[parents[t]];
    }
    parents = shuffled;
  }

  std::vector<float> Normal(size_t count) {
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(generator_);
    return values;
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_PLAN_RANDOM_TREE_H_
