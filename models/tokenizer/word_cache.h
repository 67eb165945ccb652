// Remembers the tokens of short words, one word a slot: text repeats its words.
#ifndef STRATA_MODELS_TOKENIZER_WORD_CACHE_H_
#define STRATA_MODELS_TOKENIZER_WORD_CACHE_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "models/tokenizer/model.h"

namespace strata::models {

// One a thread; 1.3 MB, whatever the text. A word belongs to the tokenizer `owner` (1 or more).
class WordCache {
 public:
  // Appends the tokens of `word` and returns true if they are known.
  bool Find(uint64_t owner, std::string_view word, std::vector<ModelToken>& tokens) {
    if (word.size() > kMaxBytes) return false;
    slot_ = &slots_[Hash(owner, word) % kNumSlots];
    if (slot_->owner != owner || slot_->size != word.size() ||
        std::memcmp(slot_->word, word.data(), word.size()) != 0) {
      return false;
    }
    for (int i = 0; i < slot_->num_tokens; ++i) {
      tokens.push_back({slot_->ids[i], slot_->begins[i], slot_->ends[i]});
    }
    return true;
  }

  // Keeps tokens[first, …) as those of the word that Find has just not found.
  void Keep(uint64_t owner, std::string_view word, const std::vector<ModelToken>& tokens,
            size_t first) {
    const size_t count = tokens.size() - first;
    if (word.size() > kMaxBytes || count > kMaxTokens) return;
    slot_->owner = owner;
    slot_->size = static_cast<uint8_t>(word.size());
    slot_->num_tokens = static_cast<uint8_t>(count);
    std::memcpy(slot_->word, word.data(), word.size());
    for (size_t i = 0; i < count; ++i) {
      // A model may give byte pieces an end past its word (see Bpe); that does not fit, and is
      // rare.
      if (tokens[first + i].end > 0xFF) slot_->owner = 0;
      slot_->ids[i] = tokens[first + i].id;
      slot_->begins[i] = static_cast<uint8_t>(tokens[first + i].begin);
      slot_->ends[i] = static_cast<uint8_t>(tokens[first + i].end);
    }
  }

 private:
  static constexpr size_t kNumSlots = 1 << 14;
  static constexpr size_t kMaxBytes = 30;
  static constexpr size_t kMaxTokens = 6;

  struct Slot {
    uint64_t owner = 0;
    int32_t ids[kMaxTokens];
    uint8_t size = 0;
    uint8_t num_tokens = 0;
    uint8_t begins[kMaxTokens], ends[kMaxTokens];
    char word[kMaxBytes];
  };

  static uint64_t Hash(uint64_t owner, std::string_view word) {
    constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15u;
    uint64_t hash = (owner + word.size()) * kMultiplier;
    const char* at = word.data();
    size_t left = word.size();
    for (; left >= 8; at += 8, left -= 8) {
      uint64_t part;
      std::memcpy(&part, at, 8);
      hash = (hash ^ part) * kMultiplier;
      hash ^= hash >> 29;
    }
    uint64_t part = 0;
    std::memcpy(&part, at, left);
    hash = (hash ^ part) * kMultiplier;
    return hash >> 32;
  }

  std::unique_ptr<Slot[]> slots_ = std::make_unique<Slot[]>(kNumSlots);
  Slot* slot_ = nullptr;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_WORD_CACHE_H_
