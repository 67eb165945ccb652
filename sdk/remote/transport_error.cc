#include "sdk/remote/transport_error.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace strata::internal {
namespace {

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Empty: not gRPC's own message.
std::string Explained(const absl::Status& status, const std::string& endpoint) {
  const std::string message(status.message());
  if (absl::IsDeadlineExceeded(status) && message == "Deadline Exceeded") {
    return absl::StrCat(endpoint, " did not answer in time");
  }
  if (absl::IsResourceExhausted(status) && Contains(message, "message larger than max")) {
    return absl::StrCat("one message was too large for ", endpoint, " (", message,
                        "); its --max-message-bytes moves that, and only classify and embed send ",
                        "a document in parts");
  }
  if (!absl::IsUnavailable(status)) return "";
  if (message.rfind("DNS resolution failed", 0) == 0) {
    return absl::StrCat("the host in ", endpoint, " is not known");
  }
  if (!Contains(message, "failed to connect to all addresses")) return "";
  for (const char* secure : {"Ssl", "SSL", "TLS", "ertificate"}) {
    if (!Contains(message, secure)) continue;
    return absl::StrCat("no secure connection to ", endpoint, ": ",
                        message.substr(message.rfind(": ") + 2));
  }
  return absl::StrCat("nothing answers at ", endpoint, "; is `strata serve` running there?");
}

}  // namespace

absl::Status ExplainTransportError(const absl::Status& status, const std::string& endpoint) {
  const std::string message = Explained(status, endpoint);
  if (message.empty()) return status;
  absl::Status explained(status.code(), message);
  status.ForEachPayload(
      [&](auto url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
  return explained;
}

absl::Status CheckEndpoint(const std::string& endpoint) {
  const auto refuse = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat("endpoint '", endpoint, "' ", why));
  };
  if (endpoint.empty()) {
    return absl::InvalidArgumentError("the endpoint is empty; give HOST:PORT");
  }
  if (const std::size_t slashes = endpoint.find("://"); slashes != std::string::npos) {
    const std::string scheme = endpoint.substr(0, slashes);
    if (scheme == "http" || scheme == "https") {
      return refuse(absl::StrCat("is a URL; give HOST:PORT without ", scheme, "://"));
    }
  }
  static constexpr std::array<std::string_view, 7> kTargets = {
      "dns:", "unix:", "unix-abstract:", "vsock:", "ipv4:", "ipv6:", "xds:"};
  if (std::any_of(kTargets.begin(), kTargets.end(),
                  [&](std::string_view scheme) { return endpoint.rfind(scheme, 0) == 0; })) {
    return absl::OkStatus();  // gRPC's own forms
  }
  const std::size_t colon = endpoint.rfind(':');
  if (colon == std::string::npos || endpoint.back() == ']') {
    return refuse("has no port; give HOST:PORT");
  }
  const std::string host = endpoint.substr(0, colon);
  if (host.empty()) return refuse("has no host; give HOST:PORT");
  if (Contains(host, ":") && (host.front() != '[' || host.back() != ']')) {
    return refuse("has an IPv6 address without brackets; give [ADDRESS]:PORT");
  }
  int port = 0;
  if (!absl::SimpleAtoi(endpoint.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return refuse("has no port from 1 to 65535 behind its colon");
  }
  return absl::OkStatus();
}

}  // namespace strata::internal
