// Model folders for tests: real architectures, small, with random weights.
#ifndef STRATA_MODELS_ENGINE_TESTING_SMALL_MODELS_H_
#define STRATA_MODELS_ENGINE_TESTING_SMALL_MODELS_H_

#include <filesystem>
#include <vector>

#include "absl/status/status.h"

namespace strata::models::testing {

// Swin on 32 x 32 pixels: "cat", "dog", "owl"; vectors of 16.
absl::Status WriteSmallSwin(const std::filesystem::path& folder);

// HTS-AT at 8 kHz: "dog", "rain", "bell"; vectors of 16. A window is 31 hops of 80 samples: 0.31 s,
// 4 moments. Its scores are lively: a sound with pauses gives events.
absl::Status WriteSmallHtsat(const std::filesystem::path& folder);

// CLAP's audio tower at 8 kHz: vectors of 12, sounds of any length.
absl::Status WriteSmallClap(const std::filesystem::path& folder);

// A tone that climbs, with pauses; 8 kHz.
std::vector<float> SoundWithPauses(double seconds);

}  // namespace strata::models::testing

#endif  // STRATA_MODELS_ENGINE_TESTING_SMALL_MODELS_H_
