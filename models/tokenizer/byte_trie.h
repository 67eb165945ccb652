// A set of byte strings with a value each, walked byte by byte: which of them start here?
//
// Source: double array trie (Aoe 1989): the child of node n for byte b is unit base[n] + b, if that
// unit's parent is n.
#ifndef STRATA_MODELS_TOKENIZER_BYTE_TRIE_H_
#define STRATA_MODELS_TOKENIZER_BYTE_TRIE_H_

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::models {

// Immutable once built; about 12 bytes a node, lookups never allocate.
class ByteTrie {
 public:
  static constexpr int32_t kNoValue = -1;
  static constexpr uint32_t kRoot = 0;

  ByteTrie() : ByteTrie(std::vector<std::pair<std::string_view, int32_t>>()) {}
  // Values are 0 or more. Of equal keys the last one's value counts; an empty key gives the root's.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries);

  // Moves `node` along `byte`; false, and `node` is as before, when no key goes on so.
  bool Step(uint32_t& node, char byte) const {
    const size_t next = units_[node].base + static_cast<unsigned char>(byte);
    if (next >= units_.size() || units_[next].parent != node) return false;
    node = static_cast<uint32_t>(next);
    return true;
  }
  // The value of the key that ends at `node`, or kNoValue.
  int32_t Value(uint32_t node) const { return units_[node].value; }

 private:
  static constexpr uint32_t kFree = 0xFFFFFFFF;
  struct Unit {
    uint32_t base = 0;
    uint32_t parent = kFree;
    int32_t value = kNoValue;
  };

  uint32_t FindBase(const std::vector<unsigned char>& labels);

  std::vector<Unit> units_;
  size_t search_from_ = 1;  // building only: few free units stand before it
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_BYTE_TRIE_H_
