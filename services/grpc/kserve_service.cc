#include "services/grpc/kserve_service.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "inference/grpc_service.grpc.pb.h"
#include "services/grpc/call_guard.h"
#include "services/grpc/convert.h"
#include "services/grpc/kserve_infer.h"
#include "services/grpc/kserve_log_settings.h"
#include "services/grpc/kserve_model.h"
#include "services/grpc/kserve_stream.h"
#include "services/grpc/unary_reactor.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

using runtime::ServedModel;

const char* StateName(runtime::ModelState state) {
  switch (state) {
    case runtime::ModelState::kReady:
      return "READY";
    case runtime::ModelState::kUnloading:
      return "UNLOADING";
    case runtime::ModelState::kUnavailable:
      return "UNAVAILABLE";
  }
  return "UNKNOWN";
}

absl::Status NotServed(const std::string& field, const std::string& message) {
  return runtime::WithDetail(absl::UnimplementedError(absl::StrCat(field, ": ", message)),
                             {.reason = "NOT_SUPPORTED", .field = field});
}

absl::Status CheckRepository(const std::string& name) {
  if (name.empty()) return absl::OkStatus();
  return NotServed("repository_name", "there is one repository, which has no name");
}

class KserveService final : public inference::GRPCInferenceService::CallbackService {
 public:
  KserveService(const StreamContext& context, const std::atomic<bool>* leaving,
                Authorizer* authorizer)
      : context_(context), leaving_(leaving), guard_(authorizer) {}

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* context,
                                       const inference::ServerLiveRequest*,
                                       inference::ServerLiveResponse* response) override {
    response->set_live(true);
    return End(context, absl::OkStatus());
  }

  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* context,
                                        const inference::ServerReadyRequest*,
                                        inference::ServerReadyResponse* response) override {
    response->set_ready(!*leaving_);
    return End(context, absl::OkStatus());
  }

  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* context,
                                       const inference::ModelReadyRequest* request,
                                       inference::ModelReadyResponse* response) override {
    response->set_ready(!*leaving_ && Find(request->name(), request->version()).ok());
    return End(context, absl::OkStatus());
  }

  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* context,
                                           const inference::ServerMetadataRequest*,
                                           inference::ServerMetadataResponse* response) override {
    return guard_.Unary(context, Scope::kRead, [&]() -> grpc::ServerUnaryReactor* {
      response->set_name("strata");
      response->set_version(STRATA_VERSION);
      for (const char* extension : {"model_configuration", "model_repository", "statistics",
                                    "logging", "binary_tensor_data", "parameters"}) {
        response->add_extensions(extension);
      }
      return End(context, absl::OkStatus());
    });
  }

  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* context,
                                          const inference::ModelMetadataRequest* request,
                                          inference::ModelMetadataResponse* response) override {
    return guard_.Unary(context, Scope::kRead, [&]() -> grpc::ServerUnaryReactor* {
      const auto model = Find(request->name(), request->version());
      if (!model.ok()) return End(context, model.status());
      std::vector<int64_t> versions;
      for (const auto& served : context_.runtime->models().served()) {
        if (served->name == (*model)->name) versions.push_back(served->version);
      }
      FillMetadata(**model, versions, response);
      return End(context, absl::OkStatus());
    });
  }

  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* context,
                                        const inference::ModelConfigRequest* request,
                                        inference::ModelConfigResponse* response) override {
    return guard_.Unary(context, Scope::kRead, [&]() -> grpc::ServerUnaryReactor* {
      const auto model = Find(request->name(), request->version());
      if (model.ok()) FillConfig(**model, response->mutable_config());
      return End(context, model.status());
    });
  }

  grpc::ServerUnaryReactor* ModelStatistics(grpc::CallbackServerContext* context,
                                            const inference::ModelStatisticsRequest* request,
                                            inference::ModelStatisticsResponse* response) override {
    return guard_.Unary(context, Scope::kRead, [&]() -> grpc::ServerUnaryReactor* {
      if (!request->version().empty()) {
        const auto model = Find(request->name(), request->version());
        if (model.ok()) FillStatistics(**model, response->add_model_stats());
        return End(context, model.status());
      }
      std::string name;  // of a reference as NAME@LABEL, too; empty: all
      if (!request->name().empty()) {
        const auto model = Find(request->name(), "");
        if (!model.ok()) return End(context, model.status());
        name = (*model)->name;
      }
      for (const auto& served : context_.runtime->models().served()) {
        if (name.empty() || served->name == name) {
          FillStatistics(*served, response->add_model_stats());
        }
      }
      return End(context, absl::OkStatus());
    });
  }

  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const inference::ModelInferRequest* request,
                                       inference::ModelInferResponse* response) override {
    return guard_.Unary(context, Scope::kInfer, [&]() -> grpc::ServerUnaryReactor* {
      auto* reactor = new UnaryReactor(context_.active, context);
      reactor->SetCall(Infer(
          *context_.runtime, *request,
          InferCaller{DeadlineOf(*context), TraceparentOf(*context), context_.max_message_bytes},
          [reactor, response](absl::StatusOr<inference::ModelInferResponse> r) {
            if (r.ok()) *response = *std::move(r);
            reactor->End(r.status());
          }));
      return reactor;
    });
  }

  grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>*
  ModelStreamInfer(grpc::CallbackServerContext* context) override {
    return guard_.Stream<inference::ModelInferRequest, inference::ModelStreamInferResponse>(
        context, Scope::kInfer, [&] { return StartInferStream(context_, context); });
  }

  grpc::ServerUnaryReactor* RepositoryIndex(grpc::CallbackServerContext* context,
                                            const inference::RepositoryIndexRequest* request,
                                            inference::RepositoryIndexResponse* response) override {
    return guard_.Unary(context, Scope::kRead, [&]() -> grpc::ServerUnaryReactor* {
      const absl::Status status = CheckRepository(request->repository_name());
      if (!status.ok()) return End(context, status);
      for (const runtime::ModelStatus& model : context_.runtime->models().Index()) {
        if (request->ready() && model.state != runtime::ModelState::kReady) continue;
        auto* entry = response->add_models();
        entry->set_name(model.name);
        if (model.version > 0) entry->set_version(absl::StrCat(model.version));
        entry->set_state(StateName(model.state));
        entry->set_reason(model.reason);
      }
      return End(context, absl::OkStatus());
    });
  }

  grpc::ServerUnaryReactor* RepositoryModelLoad(
      grpc::CallbackServerContext* context, const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse*) override {
    return guard_.Unary(context, Scope::kAdmin, [&]() -> grpc::ServerUnaryReactor* {
      absl::Status status = CheckRepository(request->repository_name());
      for (const auto& [name, parameter] : request->parameters()) {
        if (!status.ok()) break;
        status =
            NotServed(absl::StrCat("parameters[", name, "]"), "a model is loaded as its files say");
      }
      if (!status.ok()) return End(context, status);
      auto* reactor = new UnaryReactor(context_.active, context);
      context_.runtime->models().LoadLater(
          request->model_name(), [reactor](const absl::Status& loaded) { reactor->End(loaded); });
      return reactor;
    });
  }

  grpc::ServerUnaryReactor* RepositoryModelUnload(
      grpc::CallbackServerContext* context, const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse*) override {
    return guard_.Unary(context, Scope::kAdmin, [&]() -> grpc::ServerUnaryReactor* {
      absl::Status status = CheckRepository(request->repository_name());
      for (const auto& [name, parameter] : request->parameters()) {
        if (!status.ok()) break;
        if (name != "unload_dependents") {
          status = NotServed(absl::StrCat("parameters[", name, "]"), "is unknown");
        }
      }
      if (!status.ok()) return End(context, status);
      auto* reactor = new UnaryReactor(context_.active, context);
      context_.runtime->models().UnloadLater(
          request->model_name(),
          [reactor](const absl::Status& unloaded) { reactor->End(unloaded); });
      return reactor;
    });
  }

  grpc::ServerUnaryReactor* LogSettings(grpc::CallbackServerContext* context,
                                        const inference::LogSettingsRequest* request,
                                        inference::LogSettingsResponse* response) override {
    return guard_.Unary(context, Scope::kAdmin, [&]() -> grpc::ServerUnaryReactor* {
      return End(context, ChangeLogSettings(*request, response));
    });
  }

 private:
  absl::StatusOr<std::shared_ptr<const ServedModel>> Find(const std::string& name,
                                                          const std::string& version) const {
    if (name.empty()) {
      return runtime::WithDetail(absl::InvalidArgumentError("name: is empty"),
                                 {.reason = "INVALID_FIELD", .field = "name"});
    }
    return context_.runtime->models().Find(ModelReference(name, version));
  }

  grpc::ServerUnaryReactor* End(grpc::CallbackServerContext* context,
                                const absl::Status& status) const {
    auto* reactor = new UnaryReactor(context_.active, context);
    reactor->End(status);
    return reactor;
  }

  const StreamContext context_;
  const std::atomic<bool>* const leaving_;
  const CallGuard guard_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeKserveService(const StreamContext& context,
                                                 const std::atomic<bool>* leaving,
                                                 Authorizer* authorizer) {
  return std::make_unique<KserveService>(context, leaving, authorizer);
}

}  // namespace strata::service
