#include "models/tokenizer/special_tokens.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::json;

std::string TokenName(const Json& file, const char* field) {
  const auto found = file.find(field);
  if (found == file.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  const auto content = found->is_object() ? found->find("content") : found->end();
  return found->is_object() && content != found->end() && content->is_string()
             ? content->get<std::string>()
             : "";
}

}  // namespace

absl::StatusOr<SpecialTokens> ReadSpecialTokens(const std::string& folder) {
  SpecialTokens tokens;
  const std::pair<const char*, std::string*> fields[] = {{"cls_token", &tokens.cls},
                                                         {"sep_token", &tokens.sep},
                                                         {"pad_token", &tokens.pad},
                                                         {"mask_token", &tokens.mask},
                                                         {"unk_token", &tokens.unk}};
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const std::filesystem::path path = std::filesystem::path(folder) / name;
    std::ifstream stream(path);
    if (!stream) continue;
    const Json file = Json::parse(stream, nullptr, /*allow_exceptions=*/false);
    if (!file.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat(path.string(), ": not a JSON object"));
    }
    for (const auto& [field, token] : fields) {
      if (token->empty()) *token = TokenName(file, field);
    }
  }
  return tokens;
}

absl::StatusOr<int32_t> SpecialTokenId(const Tokenizer& tokenizer, const std::string& name,
                                       std::initializer_list<const char*> usual_names,
                                       const std::string& what) {
  if (!name.empty()) {
    if (auto id = tokenizer.TokenToId(name)) return *id;
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer has no token '", name, "', which its files name as ", what));
  }
  std::string tried;
  for (const char* usual : usual_names) {
    if (auto id = tokenizer.TokenToId(usual)) return *id;
    absl::StrAppend(&tried, tried.empty() ? "'" : ", '", usual, "'");
  }
  return absl::InvalidArgumentError(absl::StrCat("no file names the ", what,
                                                 " and the tokenizer has none of ", tried,
                                                 "; add a special_tokens_map.json"));
}

}  // namespace strata::models
