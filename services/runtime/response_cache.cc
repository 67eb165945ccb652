#include "services/runtime/response_cache.h"

#include <openssl/evp.h>

#include <string_view>
#include <utility>

#include "services/runtime/result_bytes.h"
#include "services/runtime/scheduler.h"
#include "services/telemetry/steady_time.h"

namespace strata::runtime {
namespace {

using models::Task;

// About what an answer takes in memory, bytes.
int64_t ResponseBytes(const Response& response) {
  const size_t num_bytes = sizeof(Response) - sizeof(models::TaskResult) +
                           BytesOf(response.result) + response.model.size() +
                           response.tree.text().size() +
                           response.tree.nodes().size() * sizeof(models::Node);
  return static_cast<int64_t>(num_bytes);
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// The same answer, told to another call.
Response AnswerFor(const PendingCall& call, const Response& response) {
  Response answer = response;
  answer.id = call.payload.request.id;
  answer.cached = true;
  answer.received = call.submitted;
  answer.timings = {};
  answer.timings.total = telemetry::SteadyNow() - call.submitted;
  answer.timings.queue = answer.timings.total;
  return answer;
}

void Give(PendingCall& call, absl::StatusOr<Response> answer) {
  call.payload = {};
  call.scheduler->Answer(call, std::move(answer));
}

}  // namespace

std::string CacheKey(const ServedModel& model, const Request& request) {
  const models::TaskRequest& task = request.task;
  if (task.task != Task::kClassify && task.task != Task::kEmbed && task.task != Task::kMatch) {
    return "";
  }
  // Every part has a fixed size or its length before it, so that no two requests look alike.
  std::string head;
  const auto number = [&head](int64_t value) {
    head.append(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const auto text = [&](std::string_view value) {
    number(static_cast<int64_t>(value.size()));
    head.append(value);
  };
  text(model.name);  // the answer names it
  number(model.version);
  text(model.digest);
  number(static_cast<int64_t>(model.engine->info().precision));
  number(static_cast<int64_t>(task.task));
  if (task.task == Task::kClassify) {
    number(task.top_k);
    number(task.explain);
    number(task.events.has_value());
    const models::EventRequest events = task.events.value_or(models::EventRequest());
    for (const double value :
         {static_cast<double>(events.events.threshold), events.events.max_pause_s,
          events.events.min_event_s, events.overlap_s}) {
      head.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
  } else {
    number(task.normalize);
    number(static_cast<int64_t>(task.levels.size()));
    for (const models::EmbeddingLevel level : task.levels) number(static_cast<int64_t>(level));
    number(request.max_answer_bytes);  // what one caller is refused, another may get
  }
  number(request.prepare.max_tokens);
  number(static_cast<int64_t>(request.prepare.truncation));
  text(request.prepare.query);
  number(static_cast<int64_t>(request.format));
  text(request.format == models::DocumentFormat::kAuto ? request.file_name : "");
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), head.data(), head.size()) != 1 ||
      EVP_DigestUpdate(context.get(), request.document.data(), request.document.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), digest, &size) != 1) {
    return "";
  }
  return std::string(reinterpret_cast<const char*>(digest), size);
}

std::shared_ptr<ResponseCache> ResponseCache::Create(int64_t max_bytes) {
  return std::shared_ptr<ResponseCache>(new ResponseCache(max_bytes));
}

ResponseCache::Outcome ResponseCache::Look(const std::string& key,
                                           const std::shared_ptr<PendingCall>& call) {
  ResponsePtr hit;
  {
    const std::lock_guard<std::mutex> lock(mu_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      kept_.splice(kept_.begin(), kept_, found->second);
      hit = found->second->response;
    } else if (const auto flight = flights_.find(key); flight != flights_.end()) {
      flight->second.push_back(call);
      return Outcome::kWaits;
    } else {
      flights_.emplace(key, Calls());
    }
  }
  if (hit == nullptr) {
    call->payload.lease = std::make_shared<CacheLease>(shared_from_this(), key);
    return Outcome::kLeads;
  }
  Give(*call, AnswerFor(*call, *hit));
  return Outcome::kHit;
}

int64_t ResponseCache::num_bytes() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return num_bytes_;
}

ResponseCache::Calls ResponseCache::EndFlight(const std::string& key) {
  const std::lock_guard<std::mutex> lock(mu_);
  const auto flight = flights_.find(key);
  if (flight == flights_.end()) return {};
  Calls calls = std::move(flight->second);
  flights_.erase(flight);
  return calls;
}

void ResponseCache::Keep(const std::string& key, ResponsePtr response, int64_t num_bytes) {
  std::list<Kept> dropped;  // goes after the lock
  const std::lock_guard<std::mutex> lock(mu_);
  if (num_bytes > max_bytes_ || by_key_.count(key) > 0) return;
  while (num_bytes_ + num_bytes > max_bytes_) {
    num_bytes_ -= kept_.back().num_bytes;
    by_key_.erase(kept_.back().key);
    dropped.splice(dropped.begin(), kept_, std::prev(kept_.end()));
  }
  kept_.push_front({key, std::move(response), num_bytes});
  by_key_.emplace(key, kept_.begin());
  num_bytes_ += num_bytes;
}

CacheLease::~CacheLease() {
  if (ended_) return;
  for (const std::shared_ptr<PendingCall>& call : cache_->EndFlight(key_)) {
    if (!call->scheduler->PrepareAgain(call)) call->payload = {};
  }
}

void CacheLease::Fulfil(const Response& response) {
  ended_ = true;
  // An entry costs its key twice, its places in list and table, and the control blocks.
  constexpr int64_t kEntryBytes = 256;
  const auto kept = std::make_shared<const Response>(response);
  cache_->Keep(key_, kept, ResponseBytes(*kept) + kEntryBytes);  // first, so that no gap opens
  for (const std::shared_ptr<PendingCall>& call : cache_->EndFlight(key_)) {
    Give(*call, AnswerFor(*call, *kept));
  }
}

void CacheLease::Fail(const absl::Status& status) {
  if (absl::IsCancelled(status)) return;
  ended_ = true;
  for (const std::shared_ptr<PendingCall>& call : cache_->EndFlight(key_)) Give(*call, status);
}

}  // namespace strata::runtime
