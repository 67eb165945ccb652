// A runtime's metrics, read by Prometheus over HTTP on a port of their own.
//
// Seconds throughout; every phase is a histogram by model and task, so that quantiles of many
// servers can be added up. docs/metrics.md lists the names.
#ifndef STRATA_SERVICES_RUNTIME_RUNTIME_METRICS_H_
#define STRATA_SERVICES_RUNTIME_RUNTIME_METRICS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "services/runtime/observer.h"

namespace strata::runtime {

// Thread-safe.
class RuntimeMetrics final : public Observer {
 public:
  RuntimeMetrics();
  ~RuntimeMetrics() override;

  void Answered(const AnsweredRequest& request) override;
  void Ran(const Pass& pass) override;

  // Gauges (queue, memory, weights) are read from it at each scrape; null = no longer. It must be
  // taken back before the runtime goes.
  void Watch(const Runtime* runtime);

  // Answers GET /metrics at "host:port" (port 0 = one that is free) until this object goes.
  // UNAVAILABLE: the address cannot be bound. INVALID_ARGUMENT: no "host:port".
  absl::Status Serve(const std::string& address);
  // The port that Serve bound; 0 before.
  int port() const;

  // What a scrape would get, in Prometheus' text format.
  std::string Text() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_RUNTIME_METRICS_H_
