#include "models/tokenizer/growing_text.h"

#include "absl/strings/match.h"

namespace strata::models {

std::string GrowingText::Append(const std::vector<int32_t>& ids) {
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  text_ = tokenizer_.Decode(ids_);
  // A decoder writes U+FFFD for bytes that are no character yet.
  std::string_view complete = text_;
  while (complete.ends_with("\xEF\xBF\xBD")) complete.remove_suffix(3);
  return Tell(complete.size());
}

std::string GrowingText::Finish() { return Tell(text_.size()); }

std::string GrowingText::Tell(size_t end) {
  // A decoder that changes what stood before (it strips the end, say) is heard at the end.
  if (end <= told_.size() || !absl::StartsWith(text_, told_)) return "";
  std::string part = text_.substr(told_.size(), end - told_.size());
  told_ += part;
  return part;
}

}  // namespace strata::models
