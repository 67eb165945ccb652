#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/remote/grpc_connection.h"
#include "sdk/remote/transport_error.h"
#include "strata/client.h"

namespace strata {
namespace internal {
namespace {

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::clamp<std::int64_t>(absl::ToInt64Milliseconds(duration), 1, std::int64_t{1} << 30));
}

absl::Status CheckMetadata(const ClientOptions& options) {
  for (const auto& [key, value] : options.metadata) {
    const bool legal = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
      return std::islower(c) || std::isdigit(c) || c == '-' || c == '_' || c == '.';
    });
    if (!legal) {
      return absl::InvalidArgumentError(
          absl::StrCat("ClientOptions::metadata: key '", key,
                       "' may only hold lower-case letters, digits, '-', '_' and '.'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& endpoint,
                                                           const ClientOptions& options) {
  if (absl::Status status = CheckEndpoint(endpoint); !status.ok()) return status;
  if (absl::Status status = CheckMetadata(options); !status.ok()) return status;

  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix(absl::StrCat(
      options.user_agent, options.user_agent.empty() ? "" : " ", "strata-cpp/", Version()));
  arguments.SetMaxReceiveMessageSize(-1);  // the service bounds its answers
  // Our own retries know the whole deadline, the service's wishes and documents of any size.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  if (options.keepalive_interval != absl::InfiniteDuration()) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_interval));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.keepalive_timeout));
    arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }

  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (options.tls.has_value()) {
    const TlsOptions& tls = *options.tls;
    if (tls.client_certificate.empty() != tls.client_key.empty()) {
      return absl::InvalidArgumentError(
          "TlsOptions: client_certificate and client_key go together; one of them is empty");
    }
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = tls.root_certificates;
    ssl.pem_cert_chain = tls.client_certificate;
    ssl.pem_private_key = tls.client_key;
    credentials = grpc::SslCredentials(ssl);
    if (!tls.server_name.empty()) arguments.SetSslTargetNameOverride(tls.server_name);
  }
  return grpc::CreateCustomChannel(endpoint, credentials, arguments);
}

}  // namespace internal

absl::StatusOr<Client> Client::Connect(const std::string& endpoint, const ClientOptions& options) {
  auto channel = internal::MakeChannel(endpoint, options);
  if (!channel.ok()) return channel.status();
  return Client(internal::MakeGrpcConnection(*std::move(channel), options,
                                             std::make_shared<internal::Clock>(), endpoint));
}

}  // namespace strata
