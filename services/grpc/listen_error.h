// Why a server could not listen on an address: gRPC only logs it.
#ifndef STRATA_SERVICES_GRPC_LISTEN_ERROR_H_
#define STRATA_SERVICES_GRPC_LISTEN_ERROR_H_

#include <string>

namespace strata::service {

// Tries to bind HOST:PORT once more and says what the system answers ("Address already in use");
// empty if it now succeeds or the address is of another kind.
std::string WhyNotListening(const std::string& address);

// While one lives, gRPC's own log of this process is silent.
class SilentGrpcLog {
 public:
  SilentGrpcLog();
  ~SilentGrpcLog();
  SilentGrpcLog(const SilentGrpcLog&) = delete;
  SilentGrpcLog& operator=(const SilentGrpcLog&) = delete;
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_LISTEN_ERROR_H_
