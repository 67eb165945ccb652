// How connections are secured: not at all, TLS, or mutual TLS. Certificates are read again while
// the server runs, so that they can be renewed without a restart.
#ifndef STRATA_SERVICES_GRPC_SERVER_CREDENTIALS_H_
#define STRATA_SERVICES_GRPC_SERVER_CREDENTIALS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/grpcpp.h"

namespace strata::service {

// Paths of PEM files. All empty: plain text.
struct TlsFiles {
  std::string certificate;  // the server's, its chain behind it
  std::string key;          // its private key
  std::string client_ca;    // mutual TLS: only clients with a certificate that one of these signed
  absl::Duration reload_interval = absl::Seconds(60);
};

// INVALID_ARGUMENT: a certificate without a key or the other way round, a file that is no PEM, a
// key that does not belong to its certificate. NOT_FOUND: no such file. What is found later, when
// the files are read again, is only used if certificate and key belong together.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsFiles& files);

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_SERVER_CREDENTIALS_H_
