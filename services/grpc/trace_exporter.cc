#include "services/grpc/trace_exporter.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <iterator>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "opentelemetry/trace_service.grpc.pb.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/json_log.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {
namespace {

namespace otlp = opentelemetry::proto::collector::trace::v1;

constexpr int kSpansPerCall = 512;
constexpr absl::Duration kCallTimeout = absl::Seconds(2);

// Where a request stands in its trace.
struct TraceContext {
  std::string trace_id;   // 16 bytes
  std::string parent_id;  // 8 bytes, or empty
  bool sampled = false;
};

std::mt19937_64& Random() {
  static thread_local std::mt19937_64 random = [] {
    std::random_device device;  // 32 bits at a time: one word would let ids of traces collide
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  return random;
}

std::string RandomBytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    const uint64_t value = Random()();
    std::memcpy(bytes.data() + i, &value, std::min(sizeof value, size - i));
  }
  return bytes;
}

// `traceparent` is empty or well-formed: version-trace_id-parent_id-flags.
TraceContext ContextOf(std::string_view traceparent, double sample_ratio) {
  TraceContext context;
  if (traceparent.empty()) {
    context.sampled = std::uniform_real_distribution<double>(0, 1)(Random()) < sample_ratio;
    if (context.sampled) context.trace_id = RandomBytes(16);
    return context;
  }
  const auto bytes = [&](size_t begin, size_t size) {
    return absl::HexStringToBytes(absl::string_view(traceparent.data() + begin, size));
  };
  context.trace_id = bytes(3, 32);
  context.parent_id = bytes(36, 16);
  context.sampled = (bytes(53, 2)[0] & 1) != 0;
  return context;
}

uint64_t Nanoseconds(absl::Time steady) {
  return static_cast<uint64_t>(absl::ToUnixNanos(telemetry::WallFromSteady(steady)));
}

void Add(otlp::Span& span, const char* key, std::string_view value) {
  otlp::KeyValue* const attribute = span.add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_string_value(std::string(value));
}

void Add(otlp::Span& span, const char* key, int64_t value) {
  otlp::KeyValue* const attribute = span.add_attributes();
  attribute->set_key(key);
  attribute->mutable_value()->set_int_value(value);
}

std::vector<otlp::Span> SpansOf(const runtime::AnsweredRequest& request,
                                const TraceContext& context) {
  std::vector<otlp::Span> spans(1);
  otlp::Span& root = spans.front();
  root.set_trace_id(context.trace_id);
  root.set_span_id(RandomBytes(8));
  root.set_parent_span_id(context.parent_id);
  root.set_name(absl::StrCat("strata.", std::string(request.task)));
  root.set_kind(otlp::Span::SPAN_KIND_SERVER);
  root.set_start_time_unix_nano(Nanoseconds(request.received));
  root.set_end_time_unix_nano(Nanoseconds(request.answered));
  Add(root, "strata.model", request.model);
  Add(root, "strata.model_version", request.version);
  Add(root, "strata.request_id", request.id);
  Add(root, "strata.document_bytes", request.num_bytes);
  if (!request.status.ok()) {
    // The code and reason only: a message may quote the document.
    root.mutable_status()->set_code(otlp::SpanStatus::STATUS_CODE_ERROR);
    root.mutable_status()->set_message(absl::StatusCodeToString(request.status.code()));
    Add(root, "strata.reason", runtime::DetailOf(request.status).reason);
    Add(root, "strata.stage", request.stage);
    return spans;
  }
  Add(root, "strata.tokens", request.response->result.tokens.num_tokens);
  const std::string trace_id = root.trace_id(), root_id = root.span_id();
  absl::Time begin = request.response->received;
  const auto phase = [&](const char* name, absl::Duration duration) {
    otlp::Span& span = spans.emplace_back();
    span.set_trace_id(trace_id);
    span.set_span_id(RandomBytes(8));
    span.set_parent_span_id(root_id);
    span.set_name(name);
    span.set_kind(otlp::Span::SPAN_KIND_INTERNAL);
    span.set_start_time_unix_nano(Nanoseconds(begin));
    begin += duration;
    span.set_end_time_unix_nano(Nanoseconds(begin));
  };
  const runtime::Timings& timings = request.response->timings;
  phase("queue", timings.queue_before_prepare);
  phase("prepare", timings.prepare);
  phase("batch", timings.queue - timings.queue_before_prepare);
  phase("compute", timings.compute);
  return spans;
}

}  // namespace

// The queue of spans and the thread that sends them.
class TraceExporter::Sender {
 public:
  explicit Sender(const TraceOptions& options)
      : options_(options),
        stub_(otlp::TraceService::NewStub(
            grpc::CreateChannel(options.endpoint, grpc::InsecureChannelCredentials()))),
        thread_([this] { Run(); }) {}

  ~Sender() {
    {
      std::lock_guard<std::mutex> lock(mu_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void Queue(std::vector<otlp::Span> spans) {
    std::lock_guard<std::mutex> lock(mu_);
    if (static_cast<int64_t>(spans_.size() + spans.size()) > options_.max_queued_spans) {
      num_dropped_ += static_cast<int64_t>(spans.size());
      return;
    }
    std::move(spans.begin(), spans.end(), std::back_inserter(spans_));
    if (spans_.size() >= kSpansPerCall) changed_.notify_all();
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mu_);
    absl::Time stop_at = absl::InfiniteFuture();
    while (true) {
      changed_.wait_for(lock, absl::ToChronoNanoseconds(options_.period),
                        [this] { return stopped_ || spans_.size() >= kSpansPerCall; });
      if (stopped_) stop_at = std::min(stop_at, telemetry::SteadyNow() + kCallTimeout);
      std::vector<otlp::Span> spans = std::exchange(spans_, {});
      const int64_t num_dropped = std::exchange(num_dropped_, 0);
      const bool stopping = stopped_;
      lock.unlock();
      if (num_dropped > 0) {
        telemetry::Log(telemetry::LogLevel::kWarning, "spans_dropped", {{"spans", num_dropped}});
      }
      for (size_t begin = 0; begin < spans.size() && telemetry::SteadyNow() < stop_at;
           begin += kSpansPerCall) {
        Send(spans, begin, std::min(spans.size(), begin + kSpansPerCall));
      }
      lock.lock();
      if (stopping && spans_.empty()) return;
    }
  }

  void Send(std::vector<otlp::Span>& spans, size_t begin, size_t end) {
    otlp::ExportTraceServiceRequest request;
    otlp::ResourceSpans* const resource = request.add_resource_spans();
    otlp::KeyValue* const name = resource->mutable_resource()->add_attributes();
    name->set_key("service.name");
    name->mutable_value()->set_string_value(options_.service_name);
    otlp::ScopeSpans* const scope = resource->add_scope_spans();
    scope->mutable_scope()->set_name("strata");
    for (size_t i = begin; i < end; ++i) scope->add_spans()->Swap(&spans[i]);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    otlp::ExportTraceServiceResponse response;
    const grpc::Status status = stub_->Export(&context, request, &response);
    const bool failed = !status.ok();
    if (failed && !failing_) {  // said once, until it works again
      telemetry::Log(telemetry::LogLevel::kWarning, "traces_not_sent",
                     {{"endpoint", options_.endpoint}, {"code", int64_t{status.error_code()}}});
    }
    failing_ = failed;
  }

  const TraceOptions options_;
  const std::unique_ptr<otlp::TraceService::Stub> stub_;
  bool failing_ = false;  // of the thread

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<otlp::Span> spans_;
  int64_t num_dropped_ = 0;
  bool stopped_ = false;
  std::thread thread_;  // last: it uses what stands above
};

TraceExporter::TraceExporter(const TraceOptions& options)
    : options_(options), sender_(std::make_unique<Sender>(options)) {}
TraceExporter::~TraceExporter() = default;

void TraceExporter::Answered(const runtime::AnsweredRequest& request) {
  const TraceContext context = ContextOf(request.traceparent, options_.sample_ratio);
  if (context.sampled) sender_->Queue(SpansOf(request, context));
}

}  // namespace strata::service
