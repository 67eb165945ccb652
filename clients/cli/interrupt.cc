#include "clients/cli/interrupt.h"

#include <atomic>
#include <csignal>

namespace strata::cli {
namespace {

std::atomic<bool> interrupted = false;

}  // namespace

void EndInOrderOnSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() { return interrupted; }

}  // namespace strata::cli
