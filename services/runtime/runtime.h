// The way of a request without any network: admission, reading, tokenizing, packed batching,
// compute, answer. The gRPC service and the embedded SDK are two doors to this one room.
#ifndef STRATA_SERVICES_RUNTIME_RUNTIME_H_
#define STRATA_SERVICES_RUNTIME_RUNTIME_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "models/document/document_reader.h"
#include "models/engine/engine.h"
#include "models/engine/result.h"
#include "services/runtime/admission.h"
#include "services/runtime/model_repository.h"

namespace strata::runtime {

struct Limits {
  int64_t max_document_bytes = int64_t{256} << 20;  // one document
  int64_t max_document_tokens = 1 << 20;            // anchors included
  int64_t max_image_pixels = 100'000'000;           // one image, before it is resized
  int64_t max_sound_seconds = 4 * 3600;             // one sound
  int64_t max_queued_bytes = int64_t{1} << 30;      // accepted and not yet answered, all requests
  int64_t max_queued_requests = 4096;
  int64_t max_answer_bytes = int64_t{4} << 30;  // vectors being made or not yet sent, all requests
  int64_t max_batch_tokens = 16384;             // one packed batch (a longer document runs alone)
  int64_t max_batch_documents = 256;
};

class Observer;

// What waits, at one moment.
struct QueueState {
  int64_t num_outstanding = 0;  // accepted, and the callback has not returned
  int64_t num_queued = 0;       // of these, not yet read
  int64_t prepared_tokens = 0;  // of documents that wait for a pass
  int64_t queued_bytes = 0;     // documents accepted and not yet answered
  absl::Duration oldest_age;    // of what waits to be read or for a pass; 0 if nothing does
};

// INVALID_ARGUMENT: a limit that is not positive, or two that contradict each other.
absl::Status CheckLimits(const Limits& limits);

struct RuntimeOptions {
  // name → folder. The first is the default model (an empty Request::model).
  std::vector<std::pair<std::string, std::string>> models;
  // Folder of models with versions (model_folder.h), beside or in place of those above; may be
  // empty.
  std::string repository;
  int64_t max_model_bytes = 0;  // weights of all models together; 0 = what the machine has
  absl::Duration warm_up = absl::ZeroDuration();  // at most this long a model; 0 = none
  int64_t cache_bytes = 0;  // answers kept by the content of their request; 0 = none
  models::WeightPrecision precision = models::WeightPrecision::kFloat32;  // of all models
  int compute_threads = 0;  // 0 = the cores this process may use
  int prepare_threads = 0;  // reading and tokenizing; 0 = the same
  Limits limits;
  // Told about every answer and pass; see observer.h. Empty: nobody watches.
  std::vector<std::shared_ptr<Observer>> observers;
};

struct Request {
  std::string id;        // echoed
  std::string model;     // NAME, NAME@VERSION or NAME@LABEL; empty = the default
  std::string document;  // bytes as they stand in the file
  // In their place a sound that is still arriving (MayFeed); null: `document` is all of it. The
  // answer ends with what it is closed with, if that is an error. Its permit is the caller's to
  // grow, to shrink and to commit.
  std::shared_ptr<models::ByteFeed> feed;
  models::DocumentFormat format = models::DocumentFormat::kAuto;
  std::string file_name;  // only for kAuto; may be empty
  models::TaskRequest task;
  // Of a sound whose events are asked for: called as events end, on a runtime thread, before
  // `done`. Must not block. What it was given is not in the response. May be null: all are.
  std::function<void(std::vector<models::HeardEvent>)> on_events;
  models::PrepareOptions prepare;
  // kSummarize: told the summary's text in parts while it is written, from a runtime thread that
  // computes: it must be quick. Never once the request is answered or its callback runs; may be
  // null.
  std::function<void(const std::string& part)> on_text;
  std::string traceparent;  // W3C trace context of the caller, as it came; may be empty
  absl::Time deadline = absl::InfiniteFuture();  // telemetry::SteadyNow()'s, as all times here
  // What the caller can take; an answer whose vectors alone are over it is refused before its pass
  // (RESPONSE_TOO_LARGE). 0 = any.
  int64_t max_answer_bytes = 0;
  // Found before, so that several requests are sure to meet one version; null: Submit looks it up.
  std::shared_ptr<const ServedModel> served;
  // Room taken before with Reserve or Acquire; null: Submit takes it.
  std::shared_ptr<Permit> permit;
};

struct Timings {
  absl::Duration prepare, queue, compute, total;
  absl::Duration queue_before_prepare;  // of `queue`; the rest is the wait for a pass
};

struct Response {
  std::string id;
  std::string model;          // its name
  int64_t model_version = 0;  // that answered
  models::TaskResult result;  // its status is OK
  models::DocumentTree tree;  // so that nodes and spans can be shown
  Timings timings;
  bool cached = false;  // computed for another request of the same content; no prepare, no compute
  absl::Time received;
  // The room of its vectors (Limits::max_answer_bytes), until the caller lets go of it; may be
  // null.
  std::shared_ptr<Permit> room;
};

// A submitted request. Cancel is safe from any thread, any number of times.
class Call {
 public:
  virtual ~Call() = default;
  virtual void Cancel() = 0;
};

// One that was answered before it began: there is nothing to cancel.
class AnsweredCall final : public Call {
 public:
  void Cancel() override {}
};

using Done = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// Thread-safe. Must not be destroyed from within one of its own callbacks.
class Runtime {
 public:
  // Loads the models. INVALID_ARGUMENT: a limit that makes no sense; else what
  // ModelRepository::Open says.
  static absl::StatusOr<std::unique_ptr<Runtime>> Create(const RuntimeOptions& options);
  // The same with another way to load than Engine::Load.
  static absl::StatusOr<std::unique_ptr<Runtime>> CreateWithLoader(const RuntimeOptions& options,
                                                                   ModelRepository::Loader loader);
  // The same with engines that are there already, in place of options.models.
  using NamedEngine = ModelRepository::NamedEngine;
  static absl::StatusOr<std::unique_ptr<Runtime>> CreateWithEngines(
      const RuntimeOptions& options, std::vector<NamedEngine> engines);
  virtual ~Runtime() = default;  // drains with no time left, then joins

  // Never blocks. `done` runs exactly once: on a runtime thread, or before Submit returns when the
  // request is refused at once. Errors: NOT_FOUND (model), INVALID_ARGUMENT (document, task),
  // RESOURCE_EXHAUSTED (a limit, named), DEADLINE_EXCEEDED, CANCELLED, UNAVAILABLE (draining).
  virtual std::shared_ptr<Call> Submit(Request request, Done done) = 0;

  // What Submit would refuse at once but for room and time: an unknown model, a task its model
  // cannot do, a document over the limit (by `num_bytes`, as request.document may not be there
  // yet).
  virtual absl::Status Check(const Request& request, int64_t num_bytes) const = 0;

  // Whether a request can be submitted with a feed that holds `first`, the first bytes of its
  // document: a sound to be classified, in a format that can be heard as it arrives. Nothing: more
  // of it has to be seen.
  virtual std::optional<bool> MayFeed(const Request& request, std::string_view first) const = 0;

  // Runs `work` exactly once: with OK on a thread where it may take its time, counted as a request
  // of `num_bytes`, or with the error as Submit would end (before Post returns, or on a runtime
  // thread). For what needs no pass through a model, such as tokenizing alone.
  std::shared_ptr<Call> Post(int64_t num_bytes, absl::Time deadline,
                             absl::AnyInvocable<void(absl::Status)> work) {
    return Post(Acquire(num_bytes), deadline, std::move(work));
  }
  // The same with room taken before; an error is handed to `work`.
  virtual std::shared_ptr<Call> Post(absl::StatusOr<std::shared_ptr<Permit>> permit,
                                     absl::Time deadline,
                                     absl::AnyInvocable<void(absl::Status)> work) = 0;

  // Room for one request (Admission::Acquire).
  virtual absl::StatusOr<std::shared_ptr<Permit>> Acquire(int64_t num_bytes) = 0;
  // Room for a document that is still arriving, to be grown as it comes, or for one of many that
  // one request brought (Admission::Reserve).
  virtual absl::StatusOr<std::shared_ptr<Permit>> Reserve(int64_t num_bytes) = 0;
  // Ask before accepting more of it; if there is none, WhenRoom tells when to ask again, once, on a
  // runtime thread.
  virtual bool HasRoom() const = 0;
  virtual void WhenRoom(absl::AnyInvocable<void()> callback) = 0;

  virtual QueueState queue_state() const = 0;
  virtual const Limits& limits() const = 0;
  // What is served, and its loading and unloading while calls run.
  virtual ModelRepository& models() = 0;
  virtual const ModelRepository& models() const = 0;
  // The same, in short: the names, the default one first; the engine that `model` refers to, or
  // null.
  std::vector<std::string> model_names() const { return models().names(); }
  std::shared_ptr<const models::Engine> engine(const std::string& model) const {
    const auto found = models().Find(model);
    return found.ok() ? (*found)->engine : nullptr;
  }

  // Refuses new requests, answers all accepted ones; what is left at `deadline` ends as
  // UNAVAILABLE. Returns when every callback has run. Loads end, too.
  virtual void Drain(absl::Time deadline) = 0;
  // That deadline has passed: long work of Post should end as UNAVAILABLE.
  virtual bool overdue() const = 0;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_RUNTIME_H_
