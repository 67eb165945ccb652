// Who may call what: bearer tokens from a file, each with scopes and a rate.
//
// The file is JSON and holds no token, only its SHA-256 (printf %s TOKEN | sha256sum):
//   {"tokens": [{"name": "nightly batch", "sha256": "9f86d0…", "scopes": ["infer", "read"],
//                "requests_per_second": 50, "burst": 100}]}
// Callers send "authorization: Bearer TOKEN". Health checks and reflection need none.
#ifndef STRATA_SERVICES_GRPC_AUTHORIZER_H_
#define STRATA_SERVICES_GRPC_AUTHORIZER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace strata::service {

// kInfer: documents in, answers out. kRead: what is served. kAdmin: change what is served.
enum class Scope : uint8_t { kInfer, kRead, kAdmin };

// Thread-safe.
class Authorizer {
 public:
  // NOT_FOUND, INVALID_ARGUMENT (file and field).
  static absl::StatusOr<std::unique_ptr<Authorizer>> Load(const std::string& path);

  // `authorization`: the header's value; empty = there is none. A document of a stream counts as
  // its stream does. UNAUTHENTICATED: no token or an unknown one. PERMISSION_DENIED: not its scope.
  // RESOURCE_EXHAUSTED with a retry delay: over its rate.
  absl::Status Check(std::string_view authorization, Scope scope, absl::Time now);

  // Reads the file again if it has changed since; a file that cannot be used leaves things as they
  // were, and the error says why. True if new tokens are in force. A token that stays keeps what it
  // has used of its rate.
  absl::StatusOr<bool> ReloadIfChanged();

 private:
  using Digest = std::array<uint8_t, 32>;  // SHA-256

  struct Token {
    std::string name;
    Digest digest;
    std::array<bool, 3> scopes = {};  // by Scope
    double requests_per_second = 0;   // 0 = no bound
    double burst = 0;
    double left = 0;  // of the burst, at `counted`
    absl::Time counted = absl::InfinitePast();
  };

  explicit Authorizer(std::string path) : path_(std::move(path)) {}
  static absl::StatusOr<std::vector<Token>> Parse(const std::string& path);
  static Digest DigestOf(std::string_view token);

  const std::string path_;
  std::mutex mu_;
  std::vector<Token> tokens_;
  std::string stamp_;  // of the file that they are from
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_AUTHORIZER_H_
