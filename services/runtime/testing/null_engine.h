// A model without weights for tests: the same document always gets the same made-up answer, alone
// or in any batch, and tests decide how long a pass takes.
#ifndef STRATA_SERVICES_RUNTIME_TESTING_NULL_ENGINE_H_
#define STRATA_SERVICES_RUNTIME_TESTING_NULL_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "models/engine/engine.h"

namespace strata::runtime::testing {

struct NullEngineOptions {
  int32_t hidden_size = 8;
  // kSound: every file is answered with one pass once all of it is there, and what arrived is let
  // go at once.
  models::InputKind input = models::InputKind::kText;
  int64_t weight_bytes = 0;  // what it says that its weights take
  int32_t num_layers = 4;    // `cancelled` is asked before each
  absl::Duration layer_time = absl::ZeroDuration();
  absl::Duration word_time = absl::ZeroDuration();  // of a summary, before each word
  // kSentence or kSection: each of these gets "alpha" if it has an even number of bytes, else
  // "beta".
  models::NodeKind label_level = models::NodeKind::kDocument;
  // Called at the start of each pass; may block.
  std::function<void(absl::Span<const models::WorkItem>)> on_run;
};

// Text tokens are the runs between white space. A document with the word "fail-this" gets an
// INTERNAL result; one with "throw-this" makes the pass throw std::bad_alloc. A summary is the
// first sentence.
std::shared_ptr<const models::Engine> MakeNullEngine(NullEngineOptions options = {});

}  // namespace strata::runtime::testing

#endif  // STRATA_SERVICES_RUNTIME_TESTING_NULL_ENGINE_H_
