// The way of a request without any network: admission, reading, tokenizing, packed batching,
// compute, answer. The gRPC service and the embedded SDK are two doors to this one room.
#ifndef STRATA_SERVICES_RUNTIME_RUNTIME_H_
#define STRATA_SERVICES_RUNTIME_RUNTIME_H_

#include <cstdint>
#include <memory>
#include <string>
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

namespace strata::runtime {

struct Limits {
  int64_t max_document_bytes = int64_t{256} << 20;  // one document
  int64_t max_document_tokens = 1 << 20;            // anchors included
  int64_t max_queued_bytes = int64_t{1} << 30;      // accepted and not yet answered, all requests
  int64_t max_queued_requests = 4096;
  int64_t max_batch_tokens = 16384;  // one packed batch (a longer document runs alone)
  int64_t max_batch_documents = 256;
};

struct RuntimeOptions {
  // name → folder. The first is the default model (an empty Request::model).
  std::vector<std::pair<std::string, std::string>> models;
  int compute_threads = 0;  // 0 = the cores this process may use
  int prepare_threads = 0;  // reading and tokenizing; 0 = the same
  Limits limits;
};

struct Request {
  std::string id;        // echoed
  std::string model;     // empty = the default
  std::string document;  // bytes as they stand in the file
  models::DocumentFormat format = models::DocumentFormat::kAuto;
  std::string file_name;  // only for kAuto; may be empty
  models::TaskRequest task;
  models::PrepareOptions prepare;
  absl::Time deadline = absl::InfiniteFuture();
  // Room taken before with Reserve(); null: Submit takes it. One request, one permit.
  std::shared_ptr<Permit> permit;
};

struct Timings {
  absl::Duration prepare, queue, compute, total;
};

struct Response {
  std::string id;
  std::string model;
  models::TaskResult result;  // its status is OK
  models::DocumentTree tree;  // so that nodes and spans can be shown
  Timings timings;
};

// A submitted request. Cancel is safe from any thread, any number of times.
class Call {
 public:
  virtual ~Call() = default;
  virtual void Cancel() = 0;
};

using Done = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// Thread-safe. Must not be destroyed from within one of its own callbacks.
class Runtime {
 public:
  // Loads the engines. INVALID_ARGUMENT: no model, two of one name, a limit that makes no sense;
  // else what Engine::Load says.
  static absl::StatusOr<std::unique_ptr<Runtime>> Create(const RuntimeOptions& options);
  // The same with engines that are there already, in place of options.models.
  using NamedEngine = std::pair<std::string, std::shared_ptr<const models::Engine>>;
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

  // Runs `work` exactly once: with OK on a thread where it may take its time, counted as a request
  // of `num_bytes`, or with the error as Submit would end (before Post returns, or on a runtime
  // thread). For what needs no pass through a model, such as tokenizing alone.
  virtual std::shared_ptr<Call> Post(int64_t num_bytes, absl::Time deadline,
                                     absl::AnyInvocable<void(absl::Status)> work) = 0;

  // Room for a document that is still arriving (Admission::Reserve), to be grown as it comes.
  virtual absl::StatusOr<std::shared_ptr<Permit>> Reserve() = 0;
  // Ask before accepting more of it; if there is none, WhenRoom tells when to ask again, once, on a
  // runtime thread.
  virtual bool HasRoom() const = 0;
  virtual void WhenRoom(absl::AnyInvocable<void()> callback) = 0;

  virtual const Limits& limits() const = 0;
  virtual std::vector<std::string> model_names() const = 0;
  // Null if there is none of this name (empty = the default).
  virtual std::shared_ptr<const models::Engine> engine(const std::string& model) const = 0;

  // Refuses new requests, answers all accepted ones; what is left at `deadline` ends as
  // UNAVAILABLE. Returns when every callback has run.
  virtual void Drain(absl::Time deadline) = 0;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_RUNTIME_H_
