#include "services/grpc/server.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "services/grpc/call_guard.h"
#include "services/grpc/kserve_service.h"
#include "services/grpc/listen_error.h"
#include "services/grpc/summary_reactor.h"
#include "services/grpc/task_reactors.h"
#include "services/telemetry/json_log.h"
#include "services/telemetry/steady_time.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {
namespace {

constexpr char kServiceName[] = "strata.v1.StrataService";
constexpr absl::Duration kLastWrites = absl::Seconds(1);  // at least, after a drain
// For GOAWAY to arrive and the last refusals to leave; taken whole only by a client that stays, as
// one that watches the health does.
constexpr absl::Duration kGoodbye = absl::Seconds(2);

// Gives every method its reactor.
class StrataServiceImpl final : public v1::StrataService::CallbackService {
 public:
  StrataServiceImpl(const TaskContext& task, const StreamContext& stream, Authorizer* authorizer)
      : task_(task), stream_(stream), guard_(authorizer) {}

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context,
                                     const v1::ClassifyRequest* request,
                                     v1::ClassifyResponse* response) override {
    return guard_.Unary(context, Scope::kInfer,
                        [&] { return service::Classify(task_, context, request, response); });
  }
  grpc::ServerBidiReactor<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>* ClassifyStream(
      grpc::CallbackServerContext* context) override {
    return guard_.Stream<v1::ClassifyStreamRequest, v1::ClassifyStreamResponse>(
        context, Scope::kInfer, [&] { return service::ClassifyStream(stream_, context); });
  }
  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* context,
                                  const v1::EmbedRequest* request,
                                  v1::EmbedResponse* response) override {
    return guard_.Unary(context, Scope::kInfer,
                        [&] { return service::Embed(task_, context, request, response); });
  }
  grpc::ServerBidiReactor<v1::EmbedStreamRequest, v1::EmbedStreamResponse>* EmbedStream(
      grpc::CallbackServerContext* context) override {
    return guard_.Stream<v1::EmbedStreamRequest, v1::EmbedStreamResponse>(
        context, Scope::kInfer, [&] { return service::EmbedStream(stream_, context); });
  }
  grpc::ServerUnaryReactor* Summarize(grpc::CallbackServerContext* context,
                                      const v1::SummarizeRequest* request,
                                      v1::SummarizeResponse* response) override {
    return guard_.Unary(context, Scope::kInfer,
                        [&] { return service::Summarize(task_, context, request, response); });
  }
  grpc::ServerWriteReactor<v1::StreamSummaryResponse>* StreamSummary(
      grpc::CallbackServerContext* context, const v1::SummarizeRequest* request) override {
    return guard_.Write<v1::StreamSummaryResponse>(
        context, Scope::kInfer, [&] { return service::StreamSummary(task_, context, request); });
  }
  grpc::ServerUnaryReactor* Match(grpc::CallbackServerContext* context,
                                  const v1::MatchRequest* request,
                                  v1::MatchResponse* response) override {
    return guard_.Unary(context, Scope::kInfer,
                        [&] { return service::Match(task_, context, request, response); });
  }
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const v1::TokenizeRequest* request,
                                     v1::TokenizeResponse* response) override {
    return guard_.Unary(context, Scope::kInfer,
                        [&] { return service::Tokenize(task_, context, request, response); });
  }
  grpc::ServerUnaryReactor* InspectDocument(grpc::CallbackServerContext* context,
                                            const v1::InspectDocumentRequest* request,
                                            v1::InspectDocumentResponse* response) override {
    return guard_.Unary(context, Scope::kInfer, [&] {
      return service::InspectDocument(task_, context, request, response);
    });
  }
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override {
    return guard_.Unary(context, Scope::kRead,
                        [&] { return service::ListModels(task_, context, request, response); });
  }
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override {
    return guard_.Unary(context, Scope::kRead,
                        [&] { return service::GetModel(task_, context, request, response); });
  }

 private:
  const TaskContext task_;
  const StreamContext stream_;
  const CallGuard guard_;
};

// "host:0" with the port that was bound.
std::string BoundAddress(const std::string& address, int port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || address.substr(colon) != ":0") return address;
  return absl::StrCat(address.substr(0, colon + 1), port);
}

class ServerImpl final : public Server {
 public:
  ServerImpl(const ServerOptions& options, runtime::Runtime* runtime,
             std::unique_ptr<Authorizer> authorizer)
      : runtime_(runtime),
        authorizer_(std::move(authorizer)),
        service_({runtime, &active_, options.max_message_bytes},
                 {runtime, &active_, &registry_, options.stream, options.max_message_bytes},
                 authorizer_.get()),
        kserve_service_(MakeKserveService(
            {runtime, &active_, &registry_, options.stream, options.max_message_bytes}, &leaving_,
            authorizer_.get())),
        housekeeping_period_(std::clamp(options.stream.idle_timeout / 4, absl::Milliseconds(20),
                                        absl::Seconds(5))) {}

  ~ServerImpl() override {
    Drain(absl::ZeroDuration(), absl::ZeroDuration());
    runtime_->models().Unwatch(watch_);
    {
      std::lock_guard<std::mutex> lock(mu_);
      stopped_ = true;
    }
    stop_changed_.notify_all();
    if (housekeeper_.joinable()) housekeeper_.join();
  }

  absl::Status Start(const ServerOptions& options) {
    auto credentials = MakeServerCredentials(options.tls);
    if (!credentials.ok()) return credentials.status();
    static std::once_flag plugins;  // they are of the process, and every builder takes them up
    std::call_once(plugins, [] {
      grpc::EnableDefaultHealthCheckService(true);
      grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    });
    grpc::ServerBuilder builder;
    const auto max_message = static_cast<int>(
        std::min<int64_t>(options.max_message_bytes, std::numeric_limits<int>::max()));
    builder.SetMaxReceiveMessageSize(max_message);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_concurrent_streams);
    // Clients may ping an idle connection, so that a dead peer is noticed within seconds.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    // Two servers on one port would each get a share of the calls without anybody knowing.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    grpc::ResourceQuota quota("strata");
    quota.Resize(static_cast<size_t>(options.max_transport_bytes));
    builder.SetResourceQuota(quota);
    int port = 0;
    builder.AddListeningPort(options.listen_address, *credentials, &port);
    builder.RegisterService(&service_);
    builder.RegisterService(kserve_service_.get());
    {
      const SilentGrpcLog silent;
      server_ = builder.BuildAndStart();
    }
    if (server_ == nullptr || port == 0) {
      const std::string why = WhyNotListening(options.listen_address);
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options.listen_address, ": ",
                                                 why.empty() ? "gRPC refuses the address" : why));
    }
    address_ = BoundAddress(options.listen_address, port);
    SetServing(true);
    watch_ = runtime_->models().Watch(
        [this](const std::string& name, bool ready) { SetModelServing(name, ready); });
    housekeeper_ = std::thread([this] { Housekeep(); });
    return absl::OkStatus();
  }

  const std::string& address() const override { return address_; }

  void Drain(absl::Duration grace, absl::Duration timeout) override {
    std::lock_guard<std::mutex> lock(drain_mu_);
    if (server_ == nullptr || std::exchange(drained_, true)) return;
    telemetry::Log(telemetry::LogLevel::kInfo, "drain_begin",
                   {{"grace_ms", absl::ToDoubleMilliseconds(grace)},
                    {"timeout_ms", absl::ToDoubleMilliseconds(timeout)}});
    {
      std::lock_guard<std::mutex> health_lock(health_mu_);
      leaving_ = true;
    }
    SetServing(false);
    absl::SleepFor(grace);
    const absl::Time deadline = telemetry::SteadyNow() + timeout;
    registry_.BeginDrain();
    runtime_->Drain(deadline);
    // Everything is answered; the last writes still have to leave.
    active_.WaitUntilNone(std::max(deadline, telemetry::SteadyNow() + kLastWrites));
    server_->Shutdown(absl::ToChronoTime(absl::Now() + kGoodbye));
    server_->Wait();
    telemetry::Log(telemetry::LogLevel::kInfo, "drain_end", {});
  }

 private:
  void SetServing(bool serving) {
    grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
    if (health == nullptr) return;
    health->SetServingStatus(serving);  // all names that are known
    health->SetServingStatus(kServiceName, serving);
    health->SetServingStatus(kKserveServiceName, serving);
  }

  // A load that ends during a drain must not raise its model again.
  void SetModelServing(const std::string& name, bool ready) {
    std::lock_guard<std::mutex> lock(health_mu_);
    grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
    if (health != nullptr) health->SetServingStatus("models/" + name, ready && !leaving_);
  }

  void Housekeep() {
    std::unique_lock<std::mutex> lock(mu_);
    while (!stopped_) {
      stop_changed_.wait_for(lock, absl::ToChronoNanoseconds(housekeeping_period_));
      lock.unlock();
      registry_.EndIdle(telemetry::SteadyNow());
      ReloadTokens();
      lock.lock();
    }
  }

  void ReloadTokens() {
    if (authorizer_ == nullptr) return;
    const absl::StatusOr<bool> reloaded = authorizer_->ReloadIfChanged();
    if (!reloaded.ok()) {
      const std::string message(reloaded.status().message());
      if (message == token_error_) return;  // said already
      token_error_ = message;
      telemetry::Log(telemetry::LogLevel::kError, "tokens_not_reloaded", {{"error", message}});
    } else if (*reloaded) {
      token_error_.clear();
      telemetry::Log(telemetry::LogLevel::kInfo, "tokens_reloaded", {});
    }
  }

  runtime::Runtime* const runtime_;
  ActiveCalls active_;
  StreamRegistry registry_;
  const std::unique_ptr<Authorizer> authorizer_;
  StrataServiceImpl service_;
  std::atomic<bool> leaving_{false};  // a drain has begun
  const std::unique_ptr<grpc::Service> kserve_service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;

  int64_t watch_ = 0;
  std::mutex health_mu_;

  std::mutex drain_mu_;
  bool drained_ = false;

  const absl::Duration housekeeping_period_;
  std::string token_error_;  // of the housekeeping thread
  std::mutex mu_;
  std::condition_variable stop_changed_;
  bool stopped_ = false;
  std::thread housekeeper_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      runtime::Runtime* runtime) {
  std::unique_ptr<Authorizer> authorizer;
  if (!options.tokens_file.empty()) {
    auto loaded = Authorizer::Load(options.tokens_file);
    if (!loaded.ok()) return loaded.status();
    authorizer = *std::move(loaded);
  }
  auto server = std::make_unique<ServerImpl>(options, runtime, std::move(authorizer));
  if (absl::Status status = server->Start(options); !status.ok()) return status;
  return server;
}

}  // namespace strata::service
