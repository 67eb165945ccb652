// A wire between a client and a server of the loopback that can fail: cut with a reset, or silent
// with both ends open. For tests; connections one thread each.
#ifndef STRATA_SERVICES_GRPC_TESTING_FAULTY_WIRE_H_
#define STRATA_SERVICES_GRPC_TESTING_FAULTY_WIRE_H_

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace strata::service::testing {

inline sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int PortOf(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) << address;
  return port;
}

// A bare connection to `port`; the caller closes it.
inline int Connect(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = Loopback(port);
  EXPECT_EQ(::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  return socket;
}

// Closes with a reset in place of an orderly end.
inline void Reset(int socket) {
  const linger now{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  ::close(socket);
}

class FaultyWire {
 public:
  explicit FaultyWire(const std::string& server_address) : server_port_(PortOf(server_address)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = Loopback(0);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    socklen_t size = sizeof(at);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~FaultyWire() {
    stopping_ = true;
    acceptor_.join();
    for (std::thread& thread : carriers_) thread.join();
    ::close(listener_);
  }
  FaultyWire(const FaultyWire&) = delete;
  FaultyWire& operator=(const FaultyWire&) = delete;

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  void Cut() { cut_ = true; }         // resets every connection
  void Silence() { silent_ = true; }  // carries nothing any more; nobody is told

 private:
  void Accept() {
    while (!stopping_) {
      pollfd ready{listener_, POLLIN, 0};
      if (::poll(&ready, 1, 10) <= 0) continue;
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) carriers_.emplace_back([this, client] { Carry(client); });
    }
  }

  void Carry(int client) {
    const int server = Connect(server_port_);
    bool open = true;
    while (open && !stopping_ && !cut_) {
      pollfd ready[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (::poll(ready, 2, 10) <= 0 || silent_) {
        if (silent_) ::usleep(10'000);
        continue;
      }
      if (ready[0].revents != 0) open = Forward(client, server);
      if (open && ready[1].revents != 0) open = Forward(server, client);
    }
    if (cut_) {
      Reset(client);
      Reset(server);
    } else {
      ::close(client);
      ::close(server);
    }
  }

  static bool Forward(int from, int to) {
    char bytes[16384];
    const ssize_t got = ::recv(from, bytes, sizeof(bytes), 0);
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t n = ::send(to, bytes + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += n;
    }
    return got > 0;
  }

  const int server_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false}, cut_{false}, silent_{false};
  std::thread acceptor_;
  std::vector<std::thread> carriers_;  // of the acceptor's thread, until it is joined
};

}  // namespace strata::service::testing

#endif  // STRATA_SERVICES_GRPC_TESTING_FAULTY_WIRE_H_
