#include "services/runtime/runtime_metrics.h"

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <cmath>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace strata::runtime {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::MetricFamily;

std::vector<double> GeometricBuckets(double first, double last, int count) {
  std::vector<double> buckets;
  for (int i = 0; i < count; ++i)
    buckets.push_back(first * std::pow(last / first, i / (count - 1.0)));
  return buckets;
}

const std::vector<double>& SecondsBuckets() {
  static const std::vector<double> buckets = GeometricBuckets(50e-6, 60, 30);
  return buckets;
}

const std::vector<double>& TokenBuckets() {
  static const std::vector<double> buckets = GeometricBuckets(1, 1 << 20, 21);
  return buckets;
}

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

MetricFamily Gauge(const char* name, const char* help) {
  return {name, help, prometheus::MetricType::Gauge, {}};
}

void AddValue(MetricFamily& family, double value,
              std::vector<prometheus::ClientMetric::Label> labels = {}) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

// Read from the runtime when somebody asks, not kept up to date in between.
class RuntimeGauges final : public prometheus::Collectable {
 public:
  void Watch(const Runtime* runtime) {
    std::lock_guard<std::mutex> lock(mutex_);
    runtime_ = runtime;
  }

  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families;
    const auto add = [&families](const char* name, const char* help, double value) {
      AddValue(families.emplace_back(Gauge(name, help)), value);
    };
    add("process_resident_memory_bytes", "Resident memory of this process.", ResidentBytes());
    std::lock_guard<std::mutex> lock(mutex_);
    if (runtime_ == nullptr) return families;
    const QueueState state = runtime_->queue_state();
    add("strata_requests_in_flight", "Requests accepted and not yet answered.",
        static_cast<double>(state.num_outstanding));
    add("strata_queue_requests", "Of these, not yet read.", static_cast<double>(state.num_queued));
    add("strata_queue_bytes", "Bytes of documents accepted and not yet answered.",
        static_cast<double>(state.queued_bytes));
    add("strata_queue_prepared_tokens", "Tokens of documents that wait for a pass.",
        static_cast<double>(state.prepared_tokens));
    add("strata_queue_oldest_seconds", "Age of the oldest request that waits.",
        absl::ToDoubleSeconds(state.oldest_age));
    MetricFamily& weights = families.emplace_back(
        Gauge("strata_model_weight_bytes", "Weights of a loaded model in memory."));
    for (const auto& model : runtime_->models().served()) {
      AddValue(weights, static_cast<double>(model->engine->info().weight_bytes),
               {{"model", model->name}, {"version", std::to_string(model->version)}});
    }
    return families;
  }

 private:
  mutable std::mutex mutex_;
  const Runtime* runtime_ = nullptr;
};

}  // namespace

struct RuntimeMetrics::State {
  template <typename Metric>
  using ByName = std::map<std::string, Metric, std::less<>>;

  using Model = std::pair<std::string, int64_t>;  // name and version

  static prometheus::Labels LabelsOf(const Model& model) {
    return {{"model", model.first}, {"version", std::to_string(model.second)}};
  }

  struct TaskMetrics {
    Histogram *prepare, *queue, *compute, *total, *tokens;
    Counter *bytes, *truncated_tokens;
    ByName<Counter*> answers;  // by code
  };
  struct ModelMetrics {
    Histogram *documents, *tokens, *fill, *seconds;
    Counter* padding;
  };

  TaskMetrics& Of(const Model& model, std::string_view task) {
    const auto key = std::make_pair(model, std::string(task));
    const auto found = tasks.find(key);
    if (found != tasks.end()) return found->second;
    prometheus::Labels labels = LabelsOf(model);
    labels.emplace("task", key.second);
    const auto phase = [&](const char* name) {
      prometheus::Labels with_phase = labels;
      with_phase.emplace("phase", name);
      return &durations.Add(with_phase, SecondsBuckets());
    };
    TaskMetrics metrics;
    metrics.prepare = phase("prepare");
    metrics.queue = phase("queue");
    metrics.compute = phase("compute");
    metrics.total = phase("total");
    metrics.tokens = &tokens.Add(labels, TokenBuckets());
    metrics.bytes = &bytes.Add(labels);
    metrics.truncated_tokens = &truncated.Add(labels);
    return tasks.emplace(key, std::move(metrics)).first->second;
  }

  ModelMetrics& Of(const Model& model) {
    const auto found = models.find(model);
    if (found != models.end()) return found->second;
    const prometheus::Labels labels = LabelsOf(model);
    const ModelMetrics metrics = {
        &pass_documents.Add(labels, GeometricBuckets(1, 256, 9)),
        &pass_tokens.Add(labels, TokenBuckets()),
        &fill.Add(labels, std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0}),
        &pass_durations.Add(labels, SecondsBuckets()), &padding.Add(labels)};
    return models.emplace(model, metrics).first->second;
  }

  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<RuntimeGauges> gauges = std::make_shared<RuntimeGauges>();

  Family<Counter>& requests = prometheus::BuildCounter()
                                  .Name("strata_requests_total")
                                  .Help("Answered requests by gRPC status code.")
                                  .Register(*registry);
  Family<Histogram>& durations =
      prometheus::BuildHistogram()
          .Name("strata_request_duration_seconds")
          .Help("Time of a request in a phase; total is from arrival to answer.")
          .Register(*registry);
  Family<Histogram>& tokens = prometheus::BuildHistogram()
                                  .Name("strata_request_tokens")
                                  .Help("Tokens of a document, anchors included.")
                                  .Register(*registry);
  Family<Counter>& bytes = prometheus::BuildCounter()
                               .Name("strata_document_bytes_total")
                               .Help("Bytes of answered documents.")
                               .Register(*registry);
  Family<Counter>& truncated = prometheus::BuildCounter()
                                   .Name("strata_truncated_tokens_total")
                                   .Help("Text tokens left out because the caller allowed a cut.")
                                   .Register(*registry);
  Family<Counter>& cancelled = prometheus::BuildCounter()
                                   .Name("strata_cancelled_total")
                                   .Help("Requests given up by their caller, by where they stood.")
                                   .Register(*registry);
  Family<Counter>& missed = prometheus::BuildCounter()
                                .Name("strata_deadline_missed_total")
                                .Help("Requests whose deadline passed, by where they stood.")
                                .Register(*registry);
  Family<Histogram>& pass_documents = prometheus::BuildHistogram()
                                          .Name("strata_pass_documents")
                                          .Help("Documents of one packed pass.")
                                          .Register(*registry);
  Family<Histogram>& pass_tokens = prometheus::BuildHistogram()
                                       .Name("strata_pass_tokens")
                                       .Help("Tokens of one packed pass.")
                                       .Register(*registry);
  Family<Histogram>& fill =
      prometheus::BuildHistogram()
          .Name("strata_batch_fill_ratio")
          .Help("Tokens of a pass over max_batch_tokens; above 1: a long document alone.")
          .Register(*registry);
  Family<Histogram>& pass_durations = prometheus::BuildHistogram()
                                          .Name("strata_pass_duration_seconds")
                                          .Help("Time of one packed pass.")
                                          .Register(*registry);
  Family<Counter>& padding = prometheus::BuildCounter()
                                 .Name("strata_padding_tokens_total")
                                 .Help("Padding rows computed. Batches are packed: it stays 0.")
                                 .Register(*registry);

  std::mutex mutex;  // of the maps; the metrics themselves are atomic
  std::map<std::pair<Model, std::string>, TaskMetrics> tasks;
  std::map<Model, ModelMetrics> models;
  std::unique_ptr<prometheus::Exposer> exposer;
};

RuntimeMetrics::RuntimeMetrics() : state_(std::make_unique<State>()) {}
RuntimeMetrics::~RuntimeMetrics() = default;

void RuntimeMetrics::Answered(const AnsweredRequest& request) {
  State& state = *state_;
  const std::string code = absl::StatusCodeToString(request.status.code());
  const State::Model model = {request.model.empty() ? "unknown" : std::string(request.model),
                              request.version};
  std::lock_guard<std::mutex> lock(state.mutex);
  State::TaskMetrics& metrics = state.Of(model, request.task);
  Counter*& answers = metrics.answers[code];
  if (answers == nullptr) {
    prometheus::Labels labels = State::LabelsOf(model);
    labels.emplace("task", std::string(request.task));
    labels.emplace("code", code);
    answers = &state.requests.Add(labels);
  }
  answers->Increment();
  if (!request.status.ok()) {
    const prometheus::Labels where = {
        {"where", request.stage.empty() ? "arrival" : std::string(request.stage)}};
    if (absl::IsCancelled(request.status)) state.cancelled.Add(where).Increment();
    if (absl::IsDeadlineExceeded(request.status)) state.missed.Add(where).Increment();
    return;
  }
  const Timings& timings = request.response->timings;
  const models::TokenCounts& tokens = request.response->result.tokens;
  metrics.prepare->Observe(absl::ToDoubleSeconds(timings.prepare));
  metrics.queue->Observe(absl::ToDoubleSeconds(timings.queue));
  metrics.compute->Observe(absl::ToDoubleSeconds(timings.compute));
  metrics.total->Observe(absl::ToDoubleSeconds(timings.total));
  metrics.tokens->Observe(static_cast<double>(tokens.num_tokens));
  metrics.bytes->Increment(static_cast<double>(request.num_bytes));
  metrics.truncated_tokens->Increment(
      static_cast<double>(tokens.num_words_seen - tokens.num_words_kept));
}

void RuntimeMetrics::Ran(const Pass& pass) {
  std::lock_guard<std::mutex> lock(state_->mutex);
  const State::ModelMetrics& metrics = state_->Of({std::string(pass.model), pass.version});
  metrics.documents->Observe(static_cast<double>(pass.num_documents));
  metrics.tokens->Observe(static_cast<double>(pass.num_tokens));
  metrics.fill->Observe(static_cast<double>(pass.num_tokens) /
                        static_cast<double>(pass.max_tokens));
  metrics.seconds->Observe(absl::ToDoubleSeconds(pass.duration));
}

void RuntimeMetrics::Watch(const Runtime* runtime) { state_->gauges->Watch(runtime); }

absl::Status RuntimeMetrics::Serve(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size() ||
      address.find_first_not_of("0123456789", colon + 1) != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", address, "' is no HOST:PORT to serve metrics at"));
  }
  try {
    state_->exposer = std::make_unique<prometheus::Exposer>(address, /*num_threads=*/1);
  } catch (const std::exception&) {  // civetweb says no more than that it failed
    return absl::UnavailableError(absl::StrCat("cannot serve metrics at '", address,
                                               "': is the port in use, the address ours?"));
  }
  state_->exposer->RegisterCollectable(state_->registry);
  state_->exposer->RegisterCollectable(state_->gauges);
  return absl::OkStatus();
}

int RuntimeMetrics::port() const {
  if (state_->exposer == nullptr) return 0;
  const std::vector<int> ports = state_->exposer->GetListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

std::string RuntimeMetrics::Text() const {
  std::vector<MetricFamily> families = state_->registry->Collect();
  for (MetricFamily& family : state_->gauges->Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace strata::runtime
