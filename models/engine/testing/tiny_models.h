// Models of a few thousand random weights, as folders: for tests of everything above them.
#ifndef STRATA_MODELS_ENGINE_TESTING_TINY_MODELS_H_
#define STRATA_MODELS_ENGINE_TESTING_TINY_MODELS_H_

#include <string>

#include "absl/status/status.h"

namespace strata::models::testing {

// An HDT-ED with a WordPiece tokenizer of some English words, which writes up to 16 of them. The
// folder must be there. Equal calls write equal files.
absl::Status WriteTinyWriter(const std::string& folder);

}  // namespace strata::models::testing

#endif  // STRATA_MODELS_ENGINE_TESTING_TINY_MODELS_H_
