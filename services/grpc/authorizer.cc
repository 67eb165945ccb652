#include "services/grpc/authorizer.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

constexpr std::string_view kScopeNames[] = {"infer", "read", "admin"};

// Changes with the file, as far as its folder entry tells. Empty if it is not there.
std::string StampOf(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return "";
  return absl::StrCat(info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, " ", info.st_size, " ",
                      info.st_ino);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authorizer>> Authorizer::Load(const std::string& path) {
  std::unique_ptr<Authorizer> authorizer(new Authorizer(path));
  if (absl::StatusOr<bool> loaded = authorizer->ReloadIfChanged(); !loaded.ok()) {
    return loaded.status();
  }
  return authorizer;
}

absl::Status Authorizer::Check(std::string_view authorization, Scope scope, absl::Time now) {
  constexpr std::string_view kBearer = "bearer ";
  if (authorization.size() <= kBearer.size() ||
      !absl::EqualsIgnoreCase(std::string(authorization.substr(0, kBearer.size())),
                              std::string(kBearer))) {
    return runtime::WithDetail(
        absl::UnauthenticatedError(
            "this server wants a token: send 'authorization: Bearer TOKEN' (strata: --token-file)"),
        {.reason = "TOKEN_MISSING"});
  }
  const Digest digest = DigestOf(authorization.substr(kBearer.size()));
  std::lock_guard<std::mutex> lock(mu_);
  // All are compared, each in full, so that the time tells nothing.
  Token* found = nullptr;
  for (Token& token : tokens_) {
    if (CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
  }
  if (found == nullptr) {
    return runtime::WithDetail(absl::UnauthenticatedError("the token is not known to this server"),
                               {.reason = "TOKEN_UNKNOWN"});
  }
  if (!found->scopes[static_cast<size_t>(scope)]) {
    return runtime::WithDetail(absl::PermissionDeniedError(absl::StrCat(
                                   "token '", found->name, "' has not the scope '",
                                   std::string(kScopeNames[static_cast<size_t>(scope)]), "'")),
                               {.reason = "SCOPE_MISSING"});
  }
  if (found->requests_per_second <= 0) return absl::OkStatus();
  // A bucket that fills at the rate and holds the burst.
  found->left =
      found->counted == absl::InfinitePast()
          ? found->burst
          : std::min(found->burst, found->left + absl::ToDoubleSeconds(std::max(
                                                     absl::ZeroDuration(), now - found->counted)) *
                                                     found->requests_per_second);
  found->counted = now;
  if (found->left < 1) {
    return runtime::WithDetail(
        absl::ResourceExhaustedError(absl::StrCat("token '", found->name, "' may make ",
                                                  found->requests_per_second,
                                                  " requests a second; slow down")),
        {.reason = "RATE_LIMITED",
         .retry_delay = absl::Seconds((1 - found->left) / found->requests_per_second)});
  }
  found->left -= 1;
  return absl::OkStatus();
}

absl::StatusOr<bool> Authorizer::ReloadIfChanged() {
  const std::string stamp = StampOf(path_);
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (!stamp.empty() && stamp == stamp_) return false;
  }
  absl::StatusOr<std::vector<Token>> tokens = Parse(path_);
  if (!tokens.ok()) return tokens.status();
  std::lock_guard<std::mutex> lock(mu_);
  for (Token& token : *tokens) {
    for (const Token& old : tokens_) {
      if (old.digest != token.digest) continue;
      token.left = old.left;
      token.counted = old.counted;
    }
  }
  tokens_ = *std::move(tokens);
  stamp_ = stamp;
  return true;
}

absl::StatusOr<std::vector<Authorizer::Token>> Authorizer::Parse(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  const auto wrong = [&path](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
  };
  if (!json.is_object() || !json.contains("tokens") || !json["tokens"].is_array()) {
    return wrong("is no JSON object with a list \"tokens\"");
  }
  std::vector<Token> tokens;
  for (const auto& entry : json["tokens"]) {
    const std::string where = absl::StrCat("tokens[", tokens.size(), "]");
    if (!entry.is_object()) return wrong(absl::StrCat(where, " is no object"));
    Token token;
    for (const auto& [key, value] : entry.items()) {
      const std::string field = absl::StrCat(where, ".", key);
      if (key == "name" && value.is_string()) {
        token.name = value.get<std::string>();
      } else if (key == "sha256" && value.is_string()) {
        const std::string hex = value.get<std::string>();
        const bool legal = hex.size() == 64 &&
                           hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
        if (!legal) return wrong(absl::StrCat(field, " is not 64 hexadecimal digits"));
        const std::string bytes = absl::HexStringToBytes(hex);
        std::copy(bytes.begin(), bytes.end(), token.digest.begin());
      } else if (key == "scopes" && value.is_array()) {
        for (const auto& name : value) {
          const auto* scope = std::find(std::begin(kScopeNames), std::end(kScopeNames),
                                        name.is_string() ? name.get<std::string>() : std::string());
          if (scope == std::end(kScopeNames)) {
            return wrong(
                absl::StrCat(field, " holds ", name.dump(), "; known: infer, read, admin"));
          }
          token.scopes[static_cast<size_t>(scope - std::begin(kScopeNames))] = true;
        }
      } else if ((key == "requests_per_second" || key == "burst") && value.is_number() &&
                 value.get<double>() > 0) {
        (key == "burst" ? token.burst : token.requests_per_second) = value.get<double>();
      } else {
        return wrong(absl::StrCat(field, " is not known, or not of its type"));
      }
    }
    if (token.name.empty() || !entry.contains("sha256") || !entry.contains("scopes")) {
      return wrong(absl::StrCat(where, " lacks one of name, sha256, scopes"));
    }
    if (token.burst == 0) token.burst = std::max(1.0, token.requests_per_second);
    token.burst = std::max(1.0, token.burst);
    tokens.push_back(std::move(token));
  }
  if (tokens.empty()) return wrong("\"tokens\" is empty: nobody could call this server");
  return tokens;
}

Authorizer::Digest Authorizer::DigestOf(std::string_view token) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), digest.data());
  return digest;
}

}  // namespace strata::service
