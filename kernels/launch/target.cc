#include "kernels/launch/target.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hwy/highway.h"

namespace strata::kernels {
namespace {

struct NamedTarget {
  const char* name;
  int64_t bit;
};

// Best first, as Highway would choose. HWY_SCALAR is plain C++ and always there.
constexpr NamedTarget kTargets[] = {
    {"avx512", HWY_AVX3}, {"avx2", HWY_AVX2},     {"sse4", HWY_SSE4},
    {"neon", HWY_NEON},   {"scalar", HWY_SCALAR},
};

struct Selection {
  absl::Status status;
  const char* name = "scalar";
  std::vector<std::string> supported;
};

Selection Select() {
  const int64_t available = (hwy::SupportedTargets() & HWY_TARGETS) | HWY_SCALAR;
  Selection selection;
  for (const NamedTarget& target : kTargets) {
    if (target.bit & available) selection.supported.push_back(target.name);
  }
  const char* wanted = std::getenv("STRATA_TARGET");
  const bool overridden = wanted != nullptr && *wanted != '\0';
  for (const NamedTarget& target : kTargets) {
    if ((target.bit & available) == 0) continue;
    if (overridden && std::string(target.name) != wanted) continue;
    selection.name = target.name;
    // Highway's own hook for running one target of several; its choice is per process.
    if (overridden) hwy::SetSupportedTargetsForTest(target.bit);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return selection;
  }
  for (const NamedTarget& target : kTargets) {
    if (target.bit & available) {
      selection.name = target.name;
      break;
    }
  }
  selection.status = absl::InvalidArgumentError(
      absl::StrCat("STRATA_TARGET=", wanted,
                   " is not a target of this program on this processor; unset it or use ",
                   absl::StrJoin(selection.supported, ", ")));
  return selection;
}

const Selection& Selected() {
  static const Selection* selection = new Selection(Select());
  return *selection;
}

}  // namespace

absl::Status SelectTarget() { return Selected().status; }

const char* ActiveTargetName() { return Selected().name; }

std::vector<std::string> SupportedTargetNames() { return Selected().supported; }

}  // namespace strata::kernels
