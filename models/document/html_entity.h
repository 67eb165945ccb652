// Character references of HTML (&amp; &#8212; &#x2014; …) as gumbo decodes them.
#ifndef STRATA_MODELS_DOCUMENT_HTML_ENTITY_H_
#define STRATA_MODELS_DOCUMENT_HTML_ENTITY_H_

#include <string>
#include <string_view>
#include <unordered_map>

namespace strata::models {

// The reference at the start of `text`: '&' up to and with the ';', or to the last letter or digit.
// Empty if none begins there.
std::string_view EntityAt(std::string_view text);

// Remembers what it decoded: gumbo is asked once for each spelling. One a thread.
class EntityDecoder {
 public:
  // `entity`: as EntityAt() gives it. Unknown ones stay as they are. Valid until the next call.
  const std::string& Decode(std::string_view entity);

 private:
  std::unordered_map<std::string, std::string> known_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_HTML_ENTITY_H_
