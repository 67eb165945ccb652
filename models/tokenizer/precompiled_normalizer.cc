#include "models/tokenizer/precompiled_normalizer.h"

#include <unicode/uchar.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/unicode_class.h"

namespace strata::models {
namespace {

class Charsmap {
 public:
  static absl::StatusOr<Charsmap> Parse(std::string_view bytes) {
    uint32_t trie_bytes = 0;
    if (bytes.size() < sizeof(trie_bytes)) return absl::InvalidArgumentError("is too short");
    std::memcpy(&trie_bytes, bytes.data(), sizeof(trie_bytes));
    bytes.remove_prefix(sizeof(trie_bytes));
    if (trie_bytes > bytes.size() || trie_bytes < sizeof(uint32_t) || trie_bytes % 4 != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("gives its trie ", trie_bytes, " bytes of ", bytes.size()));
    }
    Charsmap map;
    map.units_.resize(trie_bytes / sizeof(uint32_t));
    std::memcpy(map.units_.data(), bytes.data(), trie_bytes);
    map.replacements_ = std::string(bytes.substr(trie_bytes));
    if (FirstInvalidUtf8(map.replacements_) != map.replacements_.size()) {
      return absl::InvalidArgumentError("has replacements that are not UTF-8");
    }
    return map;
  }

  // What the shortest rule at the start of `key` makes of it.
  std::optional<std::string_view> Find(std::string_view key) const {
    size_t node = Offset(units_[0]);
    for (const char c : key) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte == 0) return std::nullopt;
      node ^= byte;
      if (node >= units_.size() || (units_[node] & kLabelMask) != byte) return std::nullopt;
      const uint32_t unit = units_[node];
      node ^= Offset(unit);
      if ((unit & kHasLeaf) == 0) continue;
      if (node >= units_.size()) return std::nullopt;
      const size_t begin = units_[node] & kValueMask;
      if (begin >= replacements_.size() || (replacements_[begin] & 0xC0) == 0x80) {
        return begin == replacements_.size() ? std::optional<std::string_view>("") : std::nullopt;
      }
      const size_t end = replacements_.find('\0', begin);
      return std::string_view(replacements_)
          .substr(begin, end == std::string::npos ? end : end - begin);
    }
    return std::nullopt;
  }

 private:
  // Darts-clone's unit: label (8 bits), has leaf, offset shifted by 8 more, offset (22 bits); or,
  // with the top bit set, a value.
  static constexpr uint32_t kLabelMask = 0x800000FFu;
  static constexpr uint32_t kHasLeaf = 1u << 8;
  static constexpr uint32_t kValueMask = 0x7FFFFFFFu;
  static size_t Offset(uint32_t unit) {
    return static_cast<size_t>(unit >> 10) << ((unit & (1u << 9)) >> 6);
  }

  std::vector<uint32_t> units_;
  std::string replacements_;
};

// True if there is no grapheme cluster boundary between two characters (UAX 29, GB3 to GB13).
class ClusterRules {
 public:
  bool Joins(int before, int after, bool after_is_pictographic) {
    const bool joins = Decide(before, after, after_is_pictographic);
    regional_indicators_ =
        before == U_GCB_REGIONAL_INDICATOR && joins ? regional_indicators_ + 1 : 0;
    return joins;
  }
  // Tells the rules of each character, in order, before Joins asks about the one after it.
  void See(int of, bool is_pictographic) {
    if (is_pictographic) {
      emoji_ = kPictographic;
    } else if (of == U_GCB_EXTEND && emoji_ == kPictographic) {
      // stays
    } else if (of == U_GCB_ZWJ && emoji_ == kPictographic) {
      emoji_ = kPictographicZwj;
    } else {
      emoji_ = kNone;
    }
  }

 private:
  enum Emoji { kNone, kPictographic, kPictographicZwj };

  bool Decide(int before, int after, bool after_is_pictographic) const {
    const auto is_control = [](int of) {
      return of == U_GCB_CONTROL || of == U_GCB_CR || of == U_GCB_LF;
    };
    if (before == U_GCB_CR && after == U_GCB_LF) return true;
    if (is_control(before) || is_control(after)) return false;
    if (before == U_GCB_L &&
        (after == U_GCB_L || after == U_GCB_V || after == U_GCB_LV || after == U_GCB_LVT)) {
      return true;
    }
    if ((before == U_GCB_LV || before == U_GCB_V) && (after == U_GCB_V || after == U_GCB_T)) {
      return true;
    }
    if ((before == U_GCB_LVT || before == U_GCB_T) && after == U_GCB_T) return true;
    if (after == U_GCB_EXTEND || after == U_GCB_ZWJ || after == U_GCB_SPACING_MARK) return true;
    if (before == U_GCB_PREPEND) return true;
    if (emoji_ == kPictographicZwj && after_is_pictographic) return true;
    return before == U_GCB_REGIONAL_INDICATOR && after == U_GCB_REGIONAL_INDICATOR &&
           regional_indicators_ % 2 == 0;
  }

  Emoji emoji_ = kNone;
  int regional_indicators_ = 0;
};

class PrecompiledNormalizer : public Normalizer {
 public:
  explicit PrecompiledNormalizer(Charsmap map) : map_(std::move(map)) {
    for (size_t c = 0; c < ascii_.size(); ++c) {
      const char byte = static_cast<char>(c);
      ascii_[c] = map_.Find(std::string_view(&byte, 1));
    }
  }

  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    const std::string_view in = text.text;
    std::vector<ChangedChar> changed;
    changed.reserve(in.size());
    bool modified = false;
    for (size_t i = 0; i < in.size();) {
      const auto byte = static_cast<unsigned char>(in[i]);
      const bool alone = byte < 0x80 && byte != '\r' &&
                         (i + 1 == in.size() || static_cast<unsigned char>(in[i + 1]) < 0x80);
      if (alone) {  // ASCII before ASCII: one cluster, the usual case
        if (ascii_[byte].has_value()) {
          Replace(in.substr(i, 1), *ascii_[byte], changed);
          modified = true;
        } else {
          changed.push_back({byte, 0});
        }
        ++i;
        continue;
      }
      const size_t end = ClusterEnd(in, i);
      modified = AddCluster(in.substr(i, end - i), changed) || modified;
      i = end;
    }
    if (modified) {
      scratch.Clear();
      AppendChanged(text, 0, text.size(), changed, scratch);
      std::swap(text, scratch);
    }
    return absl::OkStatus();
  }

 private:
  static size_t ClusterEnd(std::string_view in, size_t begin) {
    ClusterRules rules;
    int length;
    char32_t c = DecodeUtf8(in.data() + begin, length);
    int of = GraphemeClusterBreak(c);
    rules.See(of, IsPictographic(c));
    size_t i = begin + static_cast<size_t>(length);
    while (i < in.size()) {
      c = DecodeUtf8(in.data() + i, length);
      const int next = GraphemeClusterBreak(c);
      const bool pictographic = IsPictographic(c);
      if (!rules.Joins(of, next, pictographic)) break;
      rules.See(next, pictographic);
      of = next;
      i += static_cast<size_t>(length);
    }
    return i;
  }

  static bool IsPictographic(char32_t c) {
    return c >= 0xA9 && u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EXTENDED_PICTOGRAPHIC);
  }

  bool AddCluster(std::string_view cluster, std::vector<ChangedChar>& changed) const {
    if (cluster.size() < 6) {
      if (const auto replacement = map_.Find(cluster); replacement.has_value()) {
        Replace(cluster, *replacement, changed);
        return true;
      }
    }
    bool modified = false;
    for (size_t i = 0; i < cluster.size();) {
      int length;
      const char32_t c = DecodeUtf8(cluster.data() + i, length);
      const std::string_view part = cluster.substr(i, static_cast<size_t>(length));
      if (const auto replacement = map_.Find(part); replacement.has_value()) {
        Replace(part, *replacement, changed);
        modified = true;
      } else {
        changed.push_back({c, 0});
      }
      i += static_cast<size_t>(length);
    }
    return modified;
  }

  // The last characters of a longer replacement are inserted; what a shorter one drops is booked on
  // the character before, even one that was itself inserted (the package's way, offsets show it).
  static void Replace(std::string_view old_part, std::string_view new_part,
                      std::vector<ChangedChar>& changed) {
    int old_count = 0, new_count = 0;
    for (const char c : old_part) old_count += (c & 0xC0) != 0x80;
    for (size_t i = 0; i < new_part.size(); ++new_count) {
      int length;
      const char32_t c = DecodeUtf8(new_part.data() + i, length);
      changed.push_back({c, new_count < old_count ? 0 : 1});
      i += static_cast<size_t>(length);
    }
    if (new_count < old_count && !changed.empty()) changed.back().change += new_count - old_count;
  }

  const Charsmap map_;
  std::array<std::optional<std::string_view>, 0x80> ascii_;  // into map_
};

}  // namespace

absl::StatusOr<std::unique_ptr<Normalizer>> ParsePrecompiledNormalizer(const JsonField& field) {
  const JsonField charsmap = field.At("precompiled_charsmap");
  absl::StatusOr<std::string> base64 = charsmap.String();
  if (!base64.ok()) return base64.status();
  std::string bytes;
  if (!absl::Base64Unescape(*base64, &bytes)) return charsmap.Error("is not base64");
  absl::StatusOr<Charsmap> map = Charsmap::Parse(bytes);
  if (!map.ok()) return charsmap.Error(std::string(map.status().message()));
  return std::make_unique<PrecompiledNormalizer>(*std::move(map));
}

}  // namespace strata::models
