// The time that the service counts in: begins with the wall clock's when the process first asks,
// and goes on by the steady clock, so that a wall clock set forward or back ends no deadline, keeps
// nothing waiting and makes no duration negative.
//
// Times of this clock and of the wall (gRPC's deadlines, what a log or a trace says)
// are of one type: whatever crosses is converted, as the clocks stand at that moment. Thread
// safety: any thread.
#ifndef STRATA_SERVICES_TELEMETRY_STEADY_TIME_H_
#define STRATA_SERVICES_TELEMETRY_STEADY_TIME_H_

#include "absl/time/time.h"

namespace strata::telemetry {

absl::Time SteadyNow();

// The same moment on the other clock; the infinite future and past stay what they are.
absl::Time SteadyFromWall(absl::Time wall);
absl::Time WallFromSteady(absl::Time steady);

}  // namespace strata::telemetry

#endif  // STRATA_SERVICES_TELEMETRY_STEADY_TIME_H_
