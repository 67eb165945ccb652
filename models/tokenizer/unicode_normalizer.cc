#include "models/tokenizer/unicode_normalizer.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "models/tokenizer/unicode_class.h"

namespace strata::models {
namespace {

uint16_t ChangesClass(NormalForm form) {
  switch (form) {
    case NormalForm::kNfd:
      return kChangesInNfd;
    case NormalForm::kNfc:
      return kChangesInNfc;
    case NormalForm::kNfkd:
      return kChangesInNfkd;
    case NormalForm::kNfkc:
      return kChangesInNfkc;
  }
  return 0;
}

struct Pending {
  uint8_t combining_class;
  ChangedChar character;
};

class Decomposer {
 public:
  explicit Decomposer(bool compatible) : class_(compatible ? kChangesInNfkd : kChangesInNfd) {
    UErrorCode error = U_ZERO_ERROR;
    tables_ = compatible ? icu::Normalizer2::getNFKDInstance(error)
                         : icu::Normalizer2::getNFDInstance(error);
  }

  void Run(const AlignedText& in, size_t begin, size_t end) {
    for (size_t i = begin; i < end;) {
      int length;
      const char32_t c = DecodeUtf8(in.text.data() + i, length);
      i += static_cast<size_t>(length);
      if (!classes_.Has(c, class_)) {
        Add(c, 0, 0);
        continue;
      }
      if (!tables_->getDecomposition(static_cast<UChar32>(c), parts_)) {
        Add(c, 0, u_getCombiningClass(static_cast<UChar32>(c)));
        continue;
      }
      for (int32_t k = 0; k < parts_.length();) {
        const UChar32 part = parts_.char32At(k);
        Add(static_cast<char32_t>(part), k == 0 ? 0 : 1, u_getCombiningClass(part));
        k += U16_LENGTH(part);
      }
    }
    Sort();
  }

  const std::vector<Pending>& result() const { return result_; }

 private:
  void Add(char32_t c, int change, uint8_t combining_class) {
    if (combining_class == 0) Sort();
    result_.push_back({combining_class, {c, change}});
    if (combining_class == 0) sorted_ = result_.size();
  }

  // The marks after the last starter go into canonical order; their `change` travels along.
  void Sort() {
    if (result_.size() - sorted_ > 1) {
      std::stable_sort(
          result_.begin() + static_cast<ptrdiff_t>(sorted_), result_.end(),
          [](const Pending& a, const Pending& b) { return a.combining_class < b.combining_class; });
    }
    sorted_ = result_.size();
  }

  const uint16_t class_;
  const CharClasses classes_;
  const icu::Normalizer2* tables_;
  icu::UnicodeString parts_;
  std::vector<Pending> result_;
  size_t sorted_ = 0;
};

class Composer {
 public:
  Composer() {
    UErrorCode error = U_ZERO_ERROR;
    tables_ = icu::Normalizer2::getNFCInstance(error);
  }

  void Run(const std::vector<Pending>& characters, std::vector<ChangedChar>& out) {
    for (const Pending& next : characters) Add(next, out);
    Flush(out);
  }

 private:
  void Add(const Pending& next, std::vector<ChangedChar>& out) {
    const auto [c, change] = next.character;
    if (!starter_.has_value()) {
      if (next.combining_class != 0) {
        out.push_back(next.character);
      } else {
        starter_ = next.character;
      }
      return;
    }
    const bool blocked = !marks_.empty() && last_class_ >= next.combining_class;
    if (!blocked) {
      if (const char32_t composed = Compose(starter_->c, c); composed != 0) {
        starter_ = ChangedChar{composed, starter_->change + change - 1};
        return;
      }
    }
    if (next.combining_class == 0) {
      Flush(out);
      starter_ = next.character;
      return;
    }
    marks_.push_back(next.character);
    last_class_ = next.combining_class;
  }

  void Flush(std::vector<ChangedChar>& out) {
    if (starter_.has_value()) out.push_back(*starter_);
    out.insert(out.end(), marks_.begin(), marks_.end());
    starter_.reset();
    marks_.clear();
  }

  char32_t Compose(char32_t a, char32_t b) const {
    if (!classes_.Has(b, kChangesInNfc)) return 0;
    const UChar32 composed = tables_->composePair(static_cast<UChar32>(a), static_cast<UChar32>(b));
    if (composed < 0 || IsNewerThanUnicode9(static_cast<char32_t>(composed))) return 0;
    return static_cast<char32_t>(composed);
  }

  const CharClasses classes_;
  const icu::Normalizer2* tables_;
  std::optional<ChangedChar> starter_;
  std::vector<ChangedChar> marks_;
  uint8_t last_class_ = 0;
};

class UnicodeNormalizer : public Normalizer {
 public:
  explicit UnicodeNormalizer(NormalForm form) : form_(form) {}

  absl::Status Apply(AlignedText& text, AlignedText& scratch) const override {
    const CharClasses classes;
    const uint16_t changes = ChangesClass(form_);
    bool changed = false;
    size_t copied = 0;
    // A piece is an ASCII character and all up to the next one: nothing combines with an ASCII
    // character that follows.
    for (size_t i = 0; i < text.size();) {
      if (static_cast<unsigned char>(text.text[i]) < 0x80) {
        ++i;
        continue;
      }
      const size_t begin = i > 0 ? i - 1 : 0;
      bool normal = true;
      while (i < text.size() && static_cast<unsigned char>(text.text[i]) >= 0x80) {
        int length;
        normal = !classes.Has(DecodeUtf8(text.text.data() + i, length), changes) && normal;
        i += static_cast<size_t>(length);
      }
      if (normal) continue;
      if (!changed) scratch.Clear();
      changed = true;
      scratch.Append(text, copied, begin);
      AppendNormalForm(form_, text, begin, i, scratch);
      copied = i;
    }
    if (changed) {
      scratch.Append(text, copied, text.size());
      std::swap(text, scratch);
    }
    return absl::OkStatus();
  }

 private:
  const NormalForm form_;
};

}  // namespace

void AppendNormalForm(NormalForm form, const AlignedText& in, size_t begin, size_t end,
                      AlignedText& out) {
  Decomposer decomposer(form == NormalForm::kNfkd || form == NormalForm::kNfkc);
  decomposer.Run(in, begin, end);
  std::vector<ChangedChar> changed;
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) {
    Composer().Run(decomposer.result(), changed);
  } else {
    for (const Pending& next : decomposer.result()) changed.push_back(next.character);
  }
  AppendChanged(in, begin, end, changed, out);
}

std::unique_ptr<Normalizer> MakeUnicodeNormalizer(NormalForm form) {
  return std::make_unique<UnicodeNormalizer>(form);
}

}  // namespace strata::models
