// Traces of requests for any OpenTelemetry collector, sent by OTLP over gRPC.
//
// A request becomes a span of kind server with a child for each phase (prepare, queue, compute). It
// belongs to the trace that the caller named in `traceparent` (W3C Trace Context), else to a new
// one.
#ifndef STRATA_SERVICES_GRPC_TRACE_EXPORTER_H_
#define STRATA_SERVICES_GRPC_TRACE_EXPORTER_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "services/runtime/observer.h"

namespace strata::service {

struct TraceOptions {
  std::string endpoint;  // of the collector, HOST:PORT; plain text, as collectors stand beside us
  // Share of the requests without a traceparent that are traced; the others follow their caller's
  // sampled flag.
  double sample_ratio = 0.1;
  std::string service_name = "strata";
  int64_t max_queued_spans = 8192;  // over it, spans are dropped and counted in the log
  absl::Duration period = absl::Seconds(1);
};

// Thread-safe. Nothing waits for the collector: a thread of its own sends.
class TraceExporter final : public runtime::Observer {
 public:
  explicit TraceExporter(const TraceOptions& options);
  ~TraceExporter() override;  // sends what is left, for at most two seconds

  void Answered(const runtime::AnsweredRequest& request) override;
  void Ran(const runtime::Pass&) override {}

 private:
  class Sender;
  const TraceOptions options_;
  const std::unique_ptr<Sender> sender_;
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_TRACE_EXPORTER_H_
