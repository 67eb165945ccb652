// Who watches a runtime at work: the log, the metrics, the traces. They are told after the fact and
// change nothing.
#ifndef STRATA_SERVICES_RUNTIME_OBSERVER_H_
#define STRATA_SERVICES_RUNTIME_OBSERVER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

// A request that has its answer, or was refused.
struct AnsweredRequest {
  std::string_view id;
  std::string_view model;  // empty: none of the name that was asked for
  int64_t version = 0;
  std::string_view task;  // "classify", "embed", ...
  std::string_view traceparent;
  int64_t num_bytes = 0;  // of the document
  absl::Time received, answered;
  absl::Status status;
  std::string_view stage;  // where an error met it, as metrics.md names it; empty: on arrival
  const Response* response = nullptr;  // null unless `status` is OK
};

// One packed pass through a model.
struct Pass {
  std::string_view model;
  int64_t version = 0;
  int64_t num_documents = 0;
  int64_t num_tokens = 0;  // rows computed; there is no padding
  int64_t max_tokens = 0;  // of a pass, as configured
  absl::Duration duration;
};

// Called from many threads at once; must not block.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void Answered(const AnsweredRequest& request) = 0;
  virtual void Ran(const Pass& pass) = 0;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_OBSERVER_H_
