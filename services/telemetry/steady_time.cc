#include "services/telemetry/steady_time.h"

#include <chrono>

namespace strata::telemetry {
namespace {

// Not WallNow(), which goes on by the processor's cycles for a while when the clock was set back.
absl::Time WallNow() { return absl::FromChrono(std::chrono::system_clock::now()); }

}  // namespace

absl::Time SteadyNow() {
  struct Start {
    absl::Time wall = WallNow();
    std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
  };
  static const Start start;
  return start.wall + absl::FromChrono(std::chrono::steady_clock::now() - start.steady);
}

absl::Time SteadyFromWall(absl::Time wall) { return SteadyNow() + (wall - WallNow()); }

absl::Time WallFromSteady(absl::Time steady) { return WallNow() + (steady - SteadyNow()); }

}  // namespace strata::telemetry
