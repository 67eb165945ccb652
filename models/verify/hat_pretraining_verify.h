// Golden cases of HAT's pre-training classes.
#ifndef STRATA_MODELS_VERIFY_HAT_PRETRAINING_VERIFY_H_
#define STRATA_MODELS_VERIFY_HAT_PRETRAINING_VERIFY_H_

#include "absl/status/status.h"
#include "models/hat/hat_config.h"
#include "models/verify/golden_case.h"

namespace strata::models {

// Whether `class_name` is HATModelForBoWPreTraining, HATModelForVICRegPreTraining or
// HATModelForSimCLRPreTraining.
bool IsHatPretrainingClass(const std::string& class_name);

// Their logits and losses, forward and training cases. INVALID_ARGUMENT: an input that the class's
// switches ask for and the case lacks (named).
absl::Status VerifyHatPretraining(const GoldenCase& golden, const HatConfig& config,
                                  Comparison& comparison);

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_HAT_PRETRAINING_VERIFY_H_
