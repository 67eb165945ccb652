#include "services/grpc/listen_error.h"

#include <grpc/support/log.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace strata::service {
namespace {

// 0 if it can be bound.
int BindError(const addrinfo& where) {
  const int socket = ::socket(where.ai_family, where.ai_socktype | SOCK_CLOEXEC, where.ai_protocol);
  if (socket < 0) return errno;
  const int on = 1;  // as gRPC does: a connection that lingers is in nobody's way
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const bool bound = ::bind(socket, where.ai_addr, where.ai_addrlen) == 0;
  const int error = bound && ::listen(socket, 1) == 0 ? 0 : errno;
  ::close(socket);
  return error;
}

}  // namespace

std::string WhyNotListening(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || address.rfind("unix:", 0) == 0) return "";
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int unknown = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (unknown != 0) return ::gai_strerror(unknown);
  int error = 0;
  for (const addrinfo* each = found; each != nullptr && error == 0; each = each->ai_next) {
    error = BindError(*each);
  }
  ::freeaddrinfo(found);
  return error == 0 ? "" : std::strerror(error);
}

SilentGrpcLog::SilentGrpcLog() {
  ::gpr_set_log_function([](gpr_log_func_args*) {});
}
SilentGrpcLog::~SilentGrpcLog() { ::gpr_set_log_function(nullptr); }  // gRPC's own again

}  // namespace strata::service
