#include "services/runtime/runtime.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/guarded.h"
#include "services/runtime/observer.h"
#include "services/runtime/read_document.h"
#include "services/runtime/response_cache.h"
#include "services/runtime/scheduler.h"
#include "services/runtime/vector_bytes.h"
#include "services/telemetry/steady_time.h"

namespace strata::runtime {
namespace {

using models::Engine;
using models::PreparedDocument;
using models::TaskResult;
using models::WorkItem;

// Times max_batch_tokens: what may stand ready for the passes to come.
constexpr int64_t kPreparedBatches = 4;

int NumPrepareThreads(const RuntimeOptions& options) {
  if (options.prepare_threads > 0) return options.prepare_threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

class RuntimeImpl : public Runtime {
 public:
  RuntimeImpl(const RuntimeOptions& options, std::unique_ptr<ModelRepository> models)
      : limits_(options.limits),
        observers_(options.observers),
        models_(std::move(models)),
        cache_(options.cache_bytes > 0 ? ResponseCache::Create(options.cache_bytes) : nullptr),
        admission_(Admission::Create(limits_.max_queued_bytes, limits_.max_queued_requests)),
        answers_(Admission::Create(limits_.max_answer_bytes, std::numeric_limits<int64_t>::max())),
        scheduler_(std::make_shared<Scheduler>(
            BatchLimits{.max_tokens = limits_.max_batch_tokens,
                        .max_documents = limits_.max_batch_documents},
            kPreparedBatches * limits_.max_batch_tokens, NumPrepareThreads(options))) {
    threads_.emplace_back([this] { scheduler_->RunCompletions(); });
    threads_.emplace_back([this] { scheduler_->RunTimer(); });
    // One more than may prepare, so that a pass can run beside them.
    threads_.emplace_back([this] { WorkLoop(); });
    threads_.emplace_back([this] { WorkLoop(); });
    try {
      for (int i = 1; i < NumPrepareThreads(options); ++i) {
        threads_.emplace_back([this] { WorkLoop(); });
      }
    } catch (const std::system_error&) {
      // The system has no more threads: those that run do all the work.
    }
  }

  ~RuntimeImpl() override {
    Drain(absl::InfinitePast());
    scheduler_->Stop();
    for (std::thread& thread : threads_) thread.join();
  }

  std::shared_ptr<Call> Submit(Request request, Done done) override {
    auto call = std::make_shared<PendingCall>();
    call->done = observers_.empty() ? std::move(done) : ObservedDone(request, std::move(done));
    const absl::Time deadline = request.deadline;
    const absl::Status status = Admit(std::move(request), *call);
    if (const absl::Status added = status.ok() ? scheduler_->Add(call, deadline) : status;
        !added.ok()) {
      call->dead = true;
      call->payload = {};
      std::exchange(call->done, nullptr)(added);
    }
    return call;
  }

  using Runtime::Post;
  std::shared_ptr<Call> Post(absl::StatusOr<std::shared_ptr<Permit>> permit, absl::Time deadline,
                             absl::AnyInvocable<void(absl::Status)> work) override {
    auto call = std::make_shared<PendingCall>();
    call->work = std::move(work);
    absl::Status added = permit.status();
    if (added.ok()) {
      (*permit)->Commit();
      call->payload.permit = *std::move(permit);
      added = scheduler_->Add(call, deadline);
    }
    if (!added.ok()) {
      call->dead = true;
      call->payload = {};
      std::exchange(call->work, nullptr)(added);
    }
    return call;
  }

  absl::Status Check(const Request& request, int64_t num_bytes) const override {
    const auto model = models_->Find(request.model);
    return model.ok() ? CheckFor(*(*model)->engine, request, num_bytes) : model.status();
  }

  std::optional<bool> MayFeed(const Request& request, std::string_view first) const override {
    const auto model = models_->Find(request.model);
    if (!model.ok() || (*model)->engine->info().input != models::InputKind::kSound ||
        request.task.task != models::Task::kClassify) {
      return false;
    }
    return models::CanBeHeardAsItArrives(first);
  }

  absl::StatusOr<std::shared_ptr<Permit>> Acquire(int64_t num_bytes) override {
    return admission_->Acquire(num_bytes);
  }
  absl::StatusOr<std::shared_ptr<Permit>> Reserve(int64_t num_bytes) override {
    return admission_->Reserve(num_bytes);
  }
  bool HasRoom() const override { return admission_->HasRoom(); }
  void WhenRoom(absl::AnyInvocable<void()> callback) override {
    admission_->WhenRoom([scheduler = scheduler_, callback = std::move(callback)]() mutable {
      scheduler->Post(std::move(callback));
    });
  }

  QueueState queue_state() const override {
    QueueState state = scheduler_->queue_state();
    state.queued_bytes = admission_->num_bytes();
    return state;
  }
  const Limits& limits() const override { return limits_; }

  ModelRepository& models() override { return *models_; }
  const ModelRepository& models() const override { return *models_; }

  void Drain(absl::Time deadline) override {
    models_->Stop();
    scheduler_->Drain(deadline);
  }
  bool overdue() const override { return scheduler_->overdue(); }

 private:
  // `done` with a word to the observers before it.
  Done ObservedDone(const Request& request, Done done) const {
    AnsweredRequest seen;
    seen.task = models::TaskName(request.task.task);
    seen.num_bytes = static_cast<int64_t>(request.document.size());
    seen.received = telemetry::SteadyNow();
    // A name that nobody loaded is the caller's text: it must not become a label of a metric.
    std::string model;
    absl::StatusOr<std::shared_ptr<const ServedModel>> found = request.served;
    if (*found == nullptr) found = models_->Find(request.model);
    if (found.ok()) {
      model = (*found)->name;
      seen.version = (*found)->version;
    }
    return [this, seen, id = request.id, model, traceparent = request.traceparent,
            feed = request.feed, done = std::move(done)](absl::StatusOr<Response> answer) mutable {
      if (feed != nullptr) seen.num_bytes = feed->size();
      seen.id = id;
      seen.model = model;
      seen.traceparent = traceparent;
      seen.answered = telemetry::SteadyNow();
      seen.status = answer.status();
      const std::string stage = answer.ok() ? "" : DetailOf(answer.status()).stage;
      seen.stage = stage;
      seen.response = answer.ok() ? &*answer : nullptr;
      for (const auto& observer : observers_) observer->Answered(seen);
      done(std::move(answer));
    };
  }

  absl::Status CheckFor(const Engine& engine, const Request& request, int64_t num_bytes) const {
    if (request.prepare.max_tokens < 0) {
      return WithDetail(absl::InvalidArgumentError(absl::StrCat(
                            "max_tokens is ", request.prepare.max_tokens, "; give 0 or more")),
                        {.reason = "INVALID_OPTIONS", .field = "options.prepare.max_tokens"});
    }
    if (num_bytes > limits_.max_document_bytes) {
      return WithDetail(absl::ResourceExhaustedError(absl::StrCat("the document has ", num_bytes,
                                                                  " bytes; max_document_bytes is ",
                                                                  limits_.max_document_bytes)),
                        {.reason = "DOCUMENT_TOO_LARGE", .field = "document"});
    }
    return WithDetailByCode(engine.Check(request.task), "INVALID_OPTIONS", "INVALID_OPTIONS",
                            "options");
  }

  // Checks a request, takes its permit and fills the call with it.
  absl::Status Admit(Request request, PendingCall& call) const {
    const auto num_bytes = static_cast<int64_t>(request.document.size());
    absl::StatusOr<std::shared_ptr<const ServedModel>> model = std::move(request.served);
    if (*model == nullptr) model = models_->Find(request.model);
    if (!model.ok()) return model.status();
    call.done = [statistics = (*model)->statistics, begin = telemetry::SteadyNow(),
                 looks_up = cache_ != nullptr,
                 done = std::move(call.done)](absl::StatusOr<Response> answer) mutable {
      if (answer.ok() && answer->cached) {
        statistics->Hit(answer->timings.total);
      } else if (answer.ok()) {
        const Timings& timings = answer->timings;
        statistics->Answered(timings.queue, timings.prepare, timings.compute, timings.total);
        if (looks_up) statistics->Missed(timings.total);
      } else {
        statistics->Failed(telemetry::SteadyNow() - begin);
      }
      done(std::move(answer));
    };
    const absl::Status status = CheckFor(*(*model)->engine, request, num_bytes);
    if (!status.ok()) return status;
    call.payload.permit = std::move(request.permit);
    if (call.payload.permit == nullptr) {
      absl::StatusOr<std::shared_ptr<Permit>> permit = admission_->Acquire(num_bytes);
      if (!permit.ok()) return permit.status();
      call.payload.permit = *std::move(permit);
    }
    // Of a document that is still arriving, whoever feeds it does so when it is all there.
    if (request.feed == nullptr) call.payload.permit->Commit();
    call.payload.model = *std::move(model);
    call.payload.request = std::move(request);
    return absl::OkStatus();
  }

  void WorkLoop() {
    while (true) {
      const Scheduler::Work next = scheduler_->NextWork();
      if (!next.pass.empty()) {
        Compute(next.pass);
      } else if (next.to_prepare == nullptr) {
        return;
      } else if (next.to_prepare->work) {
        RunWork(*next.to_prepare);
      } else {
        PrepareCall(next.to_prepare);
      }
    }
  }

  // What Post was given.
  void RunWork(PendingCall& call) {
    std::exchange(call.work, nullptr)(absl::OkStatus());
    call.payload = {};
    scheduler_->EndPrepare();
    scheduler_->EndWork();
  }

  void PrepareCall(const std::shared_ptr<PendingCall>& call) {
    call->prepare_begin = telemetry::SteadyNow();
    if (call->payload.sound == nullptr) {
      call->before_prepare = call->prepare_begin - call->submitted;
      if (cache_ != nullptr && !Leads(call)) {
        scheduler_->EndPrepare();
        return;
      }
    }
    const std::shared_ptr<models::ByteFeed> feed = call->payload.request.feed;
    const int64_t seen = feed ? feed->size() : 0;
    absl::StatusOr<std::optional<PreparedDocument>> prepared =
        Guarded<std::optional<PreparedDocument>>("reading", [&] { return Prepare(call->payload); });
    call->prepare_time += telemetry::SteadyNow() - call->prepare_begin;
    scheduler_->EndPrepare();
    if (prepared.ok() && !*prepared) {
      if (scheduler_->Park(call)) {
        feed->WhenMore(seen, [scheduler = scheduler_, call] { scheduler->PrepareAgain(call); });
      } else {
        call->payload = {};
      }
      return;
    }
    if (!prepared.ok()) {
      if (call->payload.lease != nullptr) call->payload.lease->Fail(prepared.status());
      call->payload = {};
      scheduler_->AnswerHere(*call, prepared.status());
      return;
    }
    call->payload.request.document = std::string();  // the tree has what is needed
    call->payload.prepared = **std::move(prepared);
    call->num_tokens = std::max<int64_t>(1, call->payload.prepared->num_tokens());
    scheduler_->AddPrepared(call);
  }

  // Whether the call is to be computed. If not, it is somebody else's now.
  bool Leads(const std::shared_ptr<PendingCall>& call) const {
    CallPayload& payload = call->payload;
    // Told as they end; known only when all of it has arrived.
    if (payload.request.on_events || payload.request.feed) return true;
    if (payload.cache_key.empty()) payload.cache_key = CacheKey(*payload.model, payload.request);
    const std::string key = payload.cache_key;
    return key.empty() || cache_->Look(key, call) == ResponseCache::Outcome::kLeads;
  }

  // Nothing: more of the document has to arrive first.
  absl::StatusOr<std::optional<PreparedDocument>> Prepare(CallPayload& payload) const {
    const models::InputKind input = payload.model->engine->info().input;
    if (input == models::InputKind::kSound) return PrepareSound(payload);
    absl::StatusOr<PreparedDocument> prepared =
        input == models::InputKind::kImage ? PrepareImage(payload) : PrepareText(payload);
    if (!prepared.ok()) return prepared.status();
    if (absl::Status status = TakeAnswerRoom(*prepared, payload); !status.ok()) return status;
    return *std::move(prepared);
  }

  absl::Status TakeAnswerRoom(const PreparedDocument& prepared, CallPayload& payload) const {
    const Request& request = payload.request;
    const int64_t num_bytes = VectorBytes(payload.model->engine->info(), request.task, prepared);
    if (num_bytes == 0) return absl::OkStatus();
    const bool too_many = num_bytes > limits_.max_answer_bytes;
    if (too_many || (request.max_answer_bytes > 0 && num_bytes > request.max_answer_bytes)) {
      return WithDetail(
          absl::ResourceExhaustedError(
              absl::StrCat("the vectors of the answer have ", num_bytes, " bytes; ",
                           too_many ? absl::StrCat("max_answer_bytes is ", limits_.max_answer_bytes,
                                                   "; ask for a coarser level")
                                    : absl::StrCat("its caller takes ", request.max_answer_bytes))),
          {.reason = "RESPONSE_TOO_LARGE"});
    }
    auto room = answers_->Acquire(num_bytes);
    if (!room.ok()) {
      return WithDetail(absl::ResourceExhaustedError(absl::StrCat(
                            "too many vectors are being made or wait to be sent (max_answer_bytes ",
                            "= ", limits_.max_answer_bytes, "); try again later")),
                        DetailOf(room.status()));
    }
    payload.answer_room = *std::move(room);
    return absl::OkStatus();
  }

  absl::StatusOr<PreparedDocument> PrepareText(const CallPayload& payload) const {
    const Request& request = payload.request;
    absl::StatusOr<models::DocumentTree> tree =
        ReadDocumentWithin(limits_, request.document,
                           ResolveFormat(request.format, request.document, request.file_name));
    if (!tree.ok()) return tree.status();
    models::PrepareOptions options = request.prepare;
    options.max_tokens = options.max_tokens == 0
                             ? limits_.max_document_tokens
                             : std::min(options.max_tokens, limits_.max_document_tokens);
    absl::StatusOr<PreparedDocument> prepared =
        payload.model->engine->Prepare(*std::move(tree), options);
    if (!prepared.ok()) {
      return WithDetailByCode(prepared.status(), "INVALID_DOCUMENT", "TOO_MANY_TOKENS", "document");
    }
    return prepared;
  }

  absl::StatusOr<PreparedDocument> PrepareImage(const CallPayload& payload) const {
    models::ImageReadOptions options;
    options.limits.max_source_bytes =
        std::min(options.limits.max_source_bytes, limits_.max_document_bytes);
    options.limits.max_pixels = limits_.max_image_pixels;
    options.name = payload.request.file_name;
    if (!payload.request.prepare.query.empty()) {
      return WithDetail(absl::UnimplementedError("an image takes no query in front of it"),
                        {.reason = "INVALID_OPTIONS", .field = "options.prepare.query"});
    }
    absl::StatusOr<PreparedDocument> prepared =
        payload.model->engine->PrepareImage(payload.request.document, options);
    if (!prepared.ok()) {
      return WithDetailByCode(prepared.status(), "INVALID_DOCUMENT", "DOCUMENT_TOO_LARGE",
                              "document");
    }
    return prepared;
  }

  // The windows of the next pass; the first time, opens the sound.
  absl::StatusOr<std::optional<PreparedDocument>> PrepareSound(CallPayload& payload) const {
    const auto detailed = [](const absl::Status& status) {
      return WithDetailByCode(status, "INVALID_DOCUMENT", "DOCUMENT_TOO_LARGE", "document");
    };
    if (!payload.request.prepare.query.empty()) {
      return WithDetail(absl::UnimplementedError("a sound takes no query in front of it"),
                        {.reason = "INVALID_OPTIONS", .field = "options.prepare.query"});
    }
    if (payload.sound == nullptr) {
      models::AudioReadOptions options;
      options.limits.max_source_bytes = limits_.max_document_bytes;
      options.limits.max_seconds = limits_.max_sound_seconds;
      options.name = payload.request.file_name;
      auto sound = payload.model->engine->OpenSound(
          std::move(payload.request.document), payload.request.feed, options, payload.request.task);
      if (!sound.ok()) return detailed(sound.status());
      payload.sound = *std::move(sound);
    }
    auto pass = payload.sound->Next();
    if (!pass.ok()) return detailed(pass.status());
    return pass;
  }

  void Compute(const std::vector<std::shared_ptr<PendingCall>>& batch) {
    const absl::Time begin = telemetry::SteadyNow();
    for (const std::shared_ptr<PendingCall>& call : batch) call->compute_begin = begin;
    absl::StatusOr<std::vector<TaskResult>> pass = Run(batch);
    const absl::Duration duration = telemetry::SteadyNow() - begin;
    std::vector<absl::StatusOr<TaskResult>> results;
    for (size_t i = 0; i < batch.size(); ++i) {
      if (pass.ok()) {
        results.emplace_back(std::move((*pass)[i]));
      } else if (batch.size() == 1 || batch[i]->dead) {
        results.emplace_back(pass.status());
      } else {
        // One document of the batch may be the cause: the others must not suffer for it.
        absl::StatusOr<std::vector<TaskResult>> alone = Run({&batch[i], 1});
        if (alone.ok()) {
          results.emplace_back(std::move(alone->front()));
        } else {
          results.emplace_back(alone.status());
        }
      }
    }
    const absl::Time end = telemetry::SteadyNow();
    scheduler_->EndPass();  // the next one runs while this one's callers are told
    TellOfPass(batch, duration);
    for (size_t i = 0; i < batch.size(); ++i) EndPass(batch[i], std::move(results[i]), end);
  }

  void TellOfPass(const std::vector<std::shared_ptr<PendingCall>>& batch,
                  absl::Duration duration) const {
    const ServedModel& model = *batch[0]->payload.model;
    model.statistics->Ran(static_cast<int64_t>(batch.size()), duration);
    if (observers_.empty()) return;
    Pass pass{.model = model.name,
              .version = model.version,
              .num_documents = static_cast<int64_t>(batch.size()),
              .max_tokens = limits_.max_batch_tokens,
              .duration = duration};
    for (const auto& call : batch) pass.num_tokens += call->num_tokens;
    for (const auto& observer : observers_) observer->Ran(pass);
  }

  // Tells the part of a summary's text that its caller has not seen. A pass that failed for another
  // document's sake is run again alone and comes to the same text.
  static void Tell(const std::string& text, PendingCall& call) {
    if (call.dead.load(std::memory_order_acquire) || !absl::StartsWith(text, call.text_told))
      return;
    const std::string part = text.substr(call.text_told.size());
    call.text_told = text;
    if (!part.empty()) call.payload.request.on_text(part);
  }

  // One pass; it stops between layers once nobody waits for any of its answers.
  static absl::StatusOr<std::vector<TaskResult>> Run(
      absl::Span<const std::shared_ptr<PendingCall>> batch) {
    std::vector<WorkItem> items;
    for (const std::shared_ptr<PendingCall>& call : batch) {
      WorkItem& item = items.emplace_back();
      item.document = &*call->payload.prepared;
      item.request = call->payload.request.task;
      item.cancelled = [&call = *call] { return call.dead.load(std::memory_order_acquire); };
      if (call->payload.request.on_text) {
        item.on_text = [&call = *call, text = std::string()](const std::string& part) mutable {
          text += part;
          Tell(text, call);
        };
      }
    }
    const std::function<bool()> cancelled = [batch] {
      return std::all_of(batch.begin(), batch.end(),
                         [](const auto& call) { return call->dead.load(); });
    };
    using Results = std::vector<TaskResult>;
    absl::StatusOr<Results> results = Guarded<Results>(
        "computing", [&] { return batch[0]->payload.model->engine->Run(items, cancelled); });
    if (results.ok() && results->size() != batch.size()) {
      return absl::InternalError(absl::StrCat("the engine answered ", results->size(), " of ",
                                              batch.size(), " documents"));
    }
    return results;
  }

  // The answer, or of a sound that goes on: what was heard so far, and round again.
  void EndPass(const std::shared_ptr<PendingCall>& call, absl::StatusOr<TaskResult> result,
               absl::Time computed) {
    CallPayload& payload = call->payload;
    call->compute_time += computed - call->compute_begin;
    if (payload.sound == nullptr || !result.ok() || !result->status.ok()) {
      Finish(*call, std::move(result));
      return;
    }
    const absl::Status taken = payload.sound->Take(*payload.prepared->sound, *result);
    if (!taken.ok()) {
      Finish(*call, taken);
      return;
    }
    const bool last = payload.sound->last();
    if (last) {
      result = Guarded<TaskResult>(
          "computing", [&]() -> absl::StatusOr<TaskResult> { return payload.sound->Finish(); });
    }
    std::vector<models::HeardEvent> events;
    if (payload.request.on_events && result.ok()) {
      events = last ? std::exchange(result->events, {}) : payload.sound->TakeEvents();
    }
    if (!events.empty() && !call->dead) payload.request.on_events(std::move(events));
    if (last) {
      Finish(*call, std::move(result));
      return;
    }
    payload.prepared.reset();
    if (!scheduler_->PrepareAgain(call)) payload = {};
  }

  void Finish(PendingCall& call, absl::StatusOr<TaskResult> result) {
    const absl::Status status = WithDetailByCode(result.ok() ? result->status : result.status(),
                                                 "INVALID_DOCUMENT", "TOO_MANY_TOKENS", "document");
    if (!status.ok()) {
      if (call.payload.lease != nullptr) call.payload.lease->Fail(status);
      call.payload = {};
      scheduler_->AnswerHere(call, status);
      return;
    }
    Response response;
    response.id = std::move(call.payload.request.id);
    response.model = call.payload.model->name;
    response.model_version = call.payload.model->version;
    response.result = *std::move(result);
    response.tree = std::move(call.payload.prepared->tree);
    response.timings.prepare = call.prepare_time;
    response.timings.compute = call.compute_time;
    response.timings.total = telemetry::SteadyNow() - call.submitted;
    response.timings.queue = std::max(
        absl::ZeroDuration(), response.timings.total - call.prepare_time - call.compute_time);
    response.timings.queue_before_prepare = call.before_prepare;
    response.received = call.submitted;
    if (call.payload.lease != nullptr) call.payload.lease->Fulfil(response);
    response.room = std::move(call.payload.answer_room);
    call.payload = {};
    scheduler_->AnswerHere(call, std::move(response));
  }

  const Limits limits_;
  const std::vector<std::shared_ptr<Observer>> observers_;
  const std::unique_ptr<ModelRepository> models_;
  const std::shared_ptr<ResponseCache> cache_;  // null: nothing is kept
  const std::shared_ptr<Admission> admission_;
  const std::shared_ptr<Admission> answers_;  // of vectors
  const std::shared_ptr<Scheduler> scheduler_;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::Status CheckLimits(const Limits& limits) {
  const std::pair<const char*, int64_t> positive[] = {
      {"max_document_bytes", limits.max_document_bytes},
      {"max_document_tokens", limits.max_document_tokens},
      {"max_image_pixels", limits.max_image_pixels},
      {"max_sound_seconds", limits.max_sound_seconds},
      {"max_queued_bytes", limits.max_queued_bytes},
      {"max_queued_requests", limits.max_queued_requests},
      {"max_answer_bytes", limits.max_answer_bytes},
      {"max_batch_tokens", limits.max_batch_tokens},
      {"max_batch_documents", limits.max_batch_documents}};
  for (const auto& [name, value] : positive) {
    if (value <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("limits: ", name, " is ", value, "; give 1 or more"));
    }
  }
  if (limits.max_queued_bytes < limits.max_document_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "limits: max_queued_bytes ", limits.max_queued_bytes, " is less than max_document_bytes ",
        limits.max_document_bytes, ", so that such a document could never be accepted"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::CreateWithLoader(const RuntimeOptions& options,
                                                                   ModelRepository::Loader loader) {
  if (absl::Status status = CheckLimits(options.limits); !status.ok()) return status;
  ModelRepositoryOptions repository;
  repository.models = options.models;
  repository.folder = options.repository;
  repository.max_model_bytes = options.max_model_bytes;
  repository.warm_up = options.warm_up;
  auto models = ModelRepository::Open(repository, std::move(loader));
  if (!models.ok()) return models.status();
  return std::make_unique<RuntimeImpl>(options, *std::move(models));
}

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::CreateWithEngines(
    const RuntimeOptions& options, std::vector<NamedEngine> engines) {
  if (absl::Status status = CheckLimits(options.limits); !status.ok()) return status;
  auto models = ModelRepository::Of(std::move(engines));
  if (!models.ok()) return models.status();
  return std::make_unique<RuntimeImpl>(options, *std::move(models));
}

}  // namespace strata::runtime
