// The instruction set that the vectorised kernels run on, found once a process.
//
// Kernels are written once over Highway (Debian's libhwy) and compiled for every target below into
// one program; at run time the best one that the processor has is used. The environment variable
// STRATA_TARGET names another: scalar, sse4, avx2, avx512 (on Arm: neon).
#ifndef STRATA_KERNELS_LAUNCH_TARGET_H_
#define STRATA_KERNELS_LAUNCH_TARGET_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace strata::kernels {

// Reads STRATA_TARGET on the first call of the process; the environment is not looked at again.
// Every kernel calls it before it computes. INVALID_ARGUMENT: STRATA_TARGET names no target, or one
// that this processor lacks; the message lists those it has. Thread-safe.
absl::Status SelectTarget();

// Name of the target in use, e.g. "avx2"; after a failed SelectTarget() the best one's.
// Thread-safe.
const char* ActiveTargetName();

// Targets that were compiled in and that this processor has, best first.
std::vector<std::string> SupportedTargetNames();

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_LAUNCH_TARGET_H_
