#include "sdk/embedded/engine_connection.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sdk/client/many_driver.h"
#include "sdk/client/rank_in_parts.h"
#include "sdk/embedded/convert.h"
#include "sdk/embedded/inspect.h"
#include "services/telemetry/steady_time.h"

namespace strata::internal {
namespace {

// The request of one document; the caller sets the task. Reads the document.
absl::StatusOr<runtime::Request> MakeRequest(const DocumentInput& document,
                                             const std::string& model, absl::Time deadline) {
  absl::StatusOr<std::string> bytes = document.ReadAll();
  if (!bytes.ok()) return bytes.status();
  runtime::Request request;
  request.id = document.id();
  request.model = model;
  request.document = *std::move(bytes);
  request.format = ToModels(document.format());
  request.file_name = document.file_name();
  request.deadline = deadline;
  return request;
}

// Bytes of the candidates that are ranked at one time; those of one call are all in memory.
constexpr std::int64_t kRankBytes = std::int64_t{256} << 20;

runtime::MatchDocument ToMatchDocument(const DocumentInput& document, std::string bytes) {
  return {document.id(), std::move(bytes), ToModels(document.format()), document.file_name()};
}

absl::Time Deadline(const std::optional<absl::Duration>& timeout) {
  return timeout.has_value() ? telemetry::SteadyNow() + *timeout : absl::InfiniteFuture();
}

// The embedded end of ClassifyMany.
class RuntimeTransport final : public ManyDriver::Transport {
 public:
  RuntimeTransport(std::shared_ptr<runtime::Runtime> runtime, const ClassifyOptions& options)
      : runtime_(std::move(runtime)), options_(options) {}

  // Every submitted call answers through this object: all are waited for.
  ~RuntimeTransport() override {
    Cancel();
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return num_running_ == 0; });
  }

  void Start(ManyDriver::Answer answer) override { answer_ = std::move(answer); }

  void Send(std::uint64_t ticket, const DocumentInput& document, absl::Time deadline) override {
    absl::StatusOr<runtime::Request> request = MakeRequest(document, options_.model, deadline);
    if (!request.ok()) {
      answer_(ticket, request.status());
      return;
    }
    request->task = ToModels(options_);
    request->prepare = ToModels(options_.max_tokens, options_.truncation);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (cancelled_) return;
      ++num_running_;
      calls_[ticket] = nullptr;
    }
    std::shared_ptr<runtime::Call> call = runtime_->Submit(
        *std::move(request), [this, ticket](absl::StatusOr<runtime::Response> response) {
          if (response.ok()) {
            answer_(ticket, ToClassifyResult(*std::move(response)));
          } else {
            answer_(ticket, FromRuntime(response.status()));
          }
          std::lock_guard<std::mutex> lock(mutex_);
          calls_.erase(ticket);
          --num_running_;
          changed_.notify_all();
        });
    bool unwanted = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      const auto found = calls_.find(ticket);
      unwanted = cancelled_;
      if (found != calls_.end()) found->second = call;
    }
    if (unwanted && call != nullptr) call->Cancel();
  }

  void Abandon(std::uint64_t ticket) override {
    std::shared_ptr<runtime::Call> call;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (const auto found = calls_.find(ticket); found != calls_.end()) call = found->second;
    }
    if (call != nullptr) call->Cancel();  // answers on a thread of the runtime
  }

  void Cancel() override {
    std::vector<std::shared_ptr<runtime::Call>> calls;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      cancelled_ = true;
      for (const auto& [ticket, call] : calls_) calls.push_back(call);
    }
    for (const auto& call : calls) {
      if (call != nullptr) call->Cancel();
    }
  }

 private:
  const std::shared_ptr<runtime::Runtime> runtime_;
  const ClassifyOptions options_;
  ManyDriver::Answer answer_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::shared_ptr<runtime::Call>> calls_;
  int num_running_ = 0;
  bool cancelled_ = false;
};

// Events that a caller was told before its answer. A call that ends early (its deadline) may do so
// while some are being told.
struct ToldEvents {
  std::mutex mutex;
  bool closed = false;
  std::vector<SoundEvent> events;
};

class EngineConnection final : public Connection {
 public:
  explicit EngineConnection(std::unique_ptr<runtime::Runtime> runtime)
      : runtime_(std::move(runtime)) {}

  absl::StatusOr<ClassifyResult> Classify(const DocumentInput& document,
                                          const ClassifyOptions& options) override {
    const auto told = std::make_shared<ToldEvents>();
    std::function<void(std::vector<models::HeardEvent>)> on_events;
    if (options.events && options.on_event) {
      on_events = [told, &options](std::vector<models::HeardEvent> ended) {
        const std::lock_guard<std::mutex> lock(told->mutex);
        for (models::HeardEvent& event : ended) {
          if (told->closed) return;
          told->events.push_back(FromModels(std::move(event)));
          options.on_event(told->events.back());
        }
      };
    }
    auto response =
        Run(document, options.model, Deadline(options.timeout), ToModels(options),
            ToModels(options.max_tokens, options.truncation), nullptr, std::move(on_events));
    const std::lock_guard<std::mutex> lock(told->mutex);
    told->closed = true;
    if (!response.ok()) return response.status();
    ClassifyResult result = ToClassifyResult(*std::move(response));
    result.events.insert(result.events.begin(), std::make_move_iterator(told->events.begin()),
                         std::make_move_iterator(told->events.end()));
    return result;
  }

  absl::StatusOr<EmbedResult> Embed(const DocumentInput& document,
                                    const EmbedOptions& options) override {
    auto response = Run(document, options.model, Deadline(options.timeout), ToModels(options),
                        ToModels(options.max_tokens, options.truncation, options.query));
    if (!response.ok()) return response.status();
    return ToEmbedResult(*std::move(response));
  }

  absl::StatusOr<SummarizeResult> Summarize(const DocumentInput& document,
                                            const SummarizeOptions& options,
                                            const TextCallback& on_text) override {
    auto response = Run(document, options.model, Deadline(options.timeout), ToModels(options),
                        ToModels(options.max_tokens, options.truncation, options.query), on_text);
    if (!response.ok()) return response.status();
    return ToSummarizeResult(*std::move(response));
  }

  absl::StatusOr<Ranking> Rank(const DocumentInput& document,
                               const std::vector<DocumentInput>& candidates,
                               const MatchOptions& options) override {
    runtime::MatchRequest request;
    request.model = options.model;
    request.top_k = options.top_k;
    request.block_pairs = options.block_pairs;
    request.prepare = ToModels(options.max_tokens, options.truncation);
    request.deadline = Deadline(options.timeout);
    auto bytes = document.ReadAll();
    if (!bytes.ok()) return bytes.status();
    request.document = ToMatchDocument(document, *std::move(bytes));
    return RankInParts(
        document, candidates, options.top_k, {.bytes = kRankBytes},
        [&](const DocumentInput& candidate, std::string content) {
          request.candidates.push_back(ToMatchDocument(candidate, std::move(content)));
        },
        [&]() -> absl::StatusOr<Ranking> {
          runtime::MatchRequest part = request;
          request.candidates.clear();
          // Held by the callback, too, which is still in set_value when get() returns.
          const auto promise =
              std::make_shared<std::promise<absl::StatusOr<runtime::MatchResponse>>>();
          runtime::Match(*runtime_, std::move(part),
                         [promise](absl::StatusOr<runtime::MatchResponse> response) {
                           promise->set_value(std::move(response));
                         });
          const absl::StatusOr<runtime::MatchResponse> response = promise->get_future().get();
          if (!response.ok()) return FromRuntime(response.status());
          return ToRanking(*response);
        });
  }

  absl::StatusOr<TokenizeResult> Tokenize(const std::string& text,
                                          const TokenizeOptions& options) override {
    const auto engine = FindEngine(options.model);
    if (!engine.ok()) return engine.status();
    models::Encoding encoding;
    const absl::Status status = (*engine)->tokenizer().Encode(text, encoding);
    if (!status.ok()) return status;
    return FromModels((*engine)->tokenizer(), encoding);
  }

  absl::StatusOr<DocumentStructure> Inspect(const DocumentInput& document,
                                            const InspectOptions& options) override {
    if (!options.include_tokens) return InspectWith(document, nullptr);
    const auto engine = FindEngine(options.model);
    if (!engine.ok()) return engine.status();
    return InspectWith(document, &(*engine)->tokenizer());
  }

  absl::StatusOr<std::vector<ModelDescription>> ListModels() override {
    std::vector<ModelDescription> models;
    for (const std::string& name : runtime_->model_names()) {
      models.push_back(FromModels(name, runtime_->engine(name)->info()));
    }
    return models;
  }

  std::unique_ptr<ClassifyStream> ClassifyMany(DocumentSource source, ClassifyCallback on_result,
                                               const ClassifyManyOptions& options) override {
    return std::make_unique<ManyDriver>(
        std::make_unique<RuntimeTransport>(runtime_, options.classify), std::move(source),
        std::move(on_result), options, std::make_shared<Clock>());
  }

 private:
  absl::StatusOr<std::shared_ptr<const models::Engine>> FindEngine(const std::string& model) const {
    std::shared_ptr<const models::Engine> engine = runtime_->engine(model);
    if (engine == nullptr) {
      return absl::NotFoundError(absl::StrCat("no model is named '", model, "'"));
    }
    return engine;
  }

  // Submits one document and waits for its answer.
  absl::StatusOr<runtime::Response> Run(
      const DocumentInput& document, const std::string& model, absl::Time deadline,
      models::TaskRequest task, models::PrepareOptions prepare,
      const TextCallback& on_text = nullptr,
      std::function<void(std::vector<models::HeardEvent>)> on_events = nullptr) {
    absl::StatusOr<runtime::Request> request = MakeRequest(document, model, deadline);
    if (!request.ok()) return request.status();
    request->on_events = std::move(on_events);
    request->task = std::move(task);
    request->prepare = std::move(prepare);
    // Held by the callbacks: a part may be on its way while the answer (a deadline) is given.
    struct State {
      std::promise<absl::StatusOr<runtime::Response>> promise;
      std::mutex mutex;
      TextCallback on_text;  // null once the answer is given or nobody listens
      std::shared_ptr<runtime::Call> call;
      bool stopped = false;
    };
    const auto state = std::make_shared<State>();
    state->on_text = on_text;
    if (on_text) {
      request->on_text = [state](const std::string& part) {
        std::shared_ptr<runtime::Call> call;
        {
          std::lock_guard<std::mutex> lock(state->mutex);
          if (!state->on_text || state->on_text(part)) return;
          state->on_text = nullptr;
          state->stopped = true;
          call = state->call;
        }
        if (call != nullptr) call->Cancel();
      };
    }
    std::shared_ptr<runtime::Call> call =
        runtime_->Submit(*std::move(request), [state](absl::StatusOr<runtime::Response> response) {
          {
            std::lock_guard<std::mutex> lock(state->mutex);
            state->on_text = nullptr;
          }
          state->promise.set_value(std::move(response));
        });
    bool stopped = false;
    {
      std::lock_guard<std::mutex> lock(state->mutex);
      state->call = call;
      stopped = state->stopped;
    }
    if (stopped) call->Cancel();
    absl::StatusOr<runtime::Response> response = state->promise.get_future().get();
    {
      std::lock_guard<std::mutex> lock(state->mutex);
      state->call = nullptr;  // the call holds the callbacks, which hold the state
    }
    if (!response.ok()) return FromRuntime(response.status());
    return response;
  }

  const std::shared_ptr<runtime::Runtime> runtime_;
};

}  // namespace

std::shared_ptr<Connection> MakeEngineConnection(std::unique_ptr<runtime::Runtime> runtime) {
  return std::make_shared<EngineConnection>(std::move(runtime));
}

}  // namespace strata::internal
