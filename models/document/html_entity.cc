#include "models/document/html_entity.h"

#include <gumbo.h>

#include <algorithm>

#include "models/document/ascii_text.h"

namespace strata::models {

std::string_view EntityAt(std::string_view text) {
  constexpr size_t kLongestEntity = 48;
  if (text.empty() || text[0] != '&') return {};
  size_t i = 1;
  if (i < text.size() && text[i] == '#') ++i;
  const size_t name = i;
  const size_t limit = std::min(text.size(), kLongestEntity);
  while (i < limit && (IsLetterAscii(text[i]) || IsDigitAscii(text[i]))) ++i;
  if (i == name) return {};
  if (i < text.size() && text[i] == ';') ++i;
  return text.substr(0, i);
}

const std::string& EntityDecoder::Decode(std::string_view entity) {
  // Hostile input may hold any number of spellings.
  constexpr size_t kMostKnown = 4096;
  std::string key(entity);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  if (known_.size() >= kMostKnown) known_.clear();

  std::string decoded = key;
  GumboOptions options = kGumboDefaultOptions;
  options.max_errors = 0;
  GumboOutput* output = gumbo_parse_with_options(&options, entity.data(), entity.size());
  const GumboVector& parts = output->root->v.element.children;
  const auto* body = parts.length > 1 ? static_cast<const GumboNode*>(parts.data[1]) : nullptr;
  if (body != nullptr && body->type == GUMBO_NODE_ELEMENT && body->v.element.children.length == 1) {
    const auto* text = static_cast<const GumboNode*>(body->v.element.children.data[0]);
    if (text->type == GUMBO_NODE_TEXT) decoded = text->v.text.text;
  } else if (body != nullptr) {
    decoded.assign(1, ' ');  // gumbo drops white space before the body: &Tab; &NewLine; &#32;
  }
  gumbo_destroy_output(&options, output);
  return known_.emplace(std::move(key), std::move(decoded)).first->second;
}

}  // namespace strata::models
