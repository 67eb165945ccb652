// One log line for each answered request: sizes, times, code and reason, never text.
#ifndef STRATA_SERVICES_RUNTIME_REQUEST_LOG_H_
#define STRATA_SERVICES_RUNTIME_REQUEST_LOG_H_

#include "services/runtime/observer.h"

namespace strata::runtime {

class RequestLog final : public Observer {
 public:
  void Answered(const AnsweredRequest& request) override;
  void Ran(const Pass&) override {}
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_REQUEST_LOG_H_
