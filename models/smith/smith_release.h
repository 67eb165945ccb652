// SMITH as Google Research released it: a TensorFlow checkpoint, a settings file in protobuf's text
// format (DualEncoderConfig) and two BERT configurations in JSON. Turned into one config.json, with
// the field names of the originals.
//
// Source: google-research/google-research, smith/experiment_config.proto and smith/config.
#ifndef STRATA_MODELS_SMITH_SMITH_RELEASE_H_
#define STRATA_MODELS_SMITH_SMITH_RELEASE_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace strata::models {

// The config.json for settings `text`. `read` gives the content of a file that the settings name by
// a path of another machine: it is asked with the last part of the path. INVALID_ARGUMENT: not in
// the text format, or a file is not named; else the error of `read`. `where` stands in front.
absl::StatusOr<std::string> SmithConfigFromSettings(
    const std::string& text,
    const std::function<absl::StatusOr<std::string>(const std::string& file_name)>& read,
    const std::string& where);

// Variables of a training run's checkpoint that are no weights: Adam's moments and the step.
bool IsSmithTrainingState(const std::string& variable);

}  // namespace strata::models

#endif  // STRATA_MODELS_SMITH_SMITH_RELEASE_H_
