// Answers by content: the same bytes with the same options through the same model are computed
// once, also while the first answer is still on its way (single flight).
//
// The key is a SHA-256 over the model's digest, the options and the document, so that a model that
// is exchanged never answers with its predecessor's words. What is kept is bounded in bytes, the
// least recently used goes first. Errors are shared with those who wait, and never kept.
#ifndef STRATA_SERVICES_RUNTIME_RESPONSE_CACHE_H_
#define STRATA_SERVICES_RUNTIME_RESPONSE_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "services/runtime/pending_call.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

// 32 bytes. Empty: requests of this task are not kept.
std::string CacheKey(const ServedModel& model, const Request& request);

// Thread-safe; held by shared_ptr because calls in flight may outlive the runtime.
class ResponseCache : public std::enable_shared_from_this<ResponseCache> {
 public:
  static std::shared_ptr<ResponseCache> Create(int64_t max_bytes);

  enum class Outcome : uint8_t { kHit, kWaits, kLeads };
  // kHit: `call` has been answered. kWaits: it will be, with the answer of a call that is being
  // computed, or goes back to the scheduler to be prepared if that one is given up. kLeads: its
  // payload holds the lease now, and it is to be computed. The caller prepares the call.
  Outcome Look(const std::string& key, const std::shared_ptr<PendingCall>& call);

  int64_t num_bytes() const;

 private:
  friend class CacheLease;
  using ResponsePtr = std::shared_ptr<const Response>;
  using Calls = std::vector<std::shared_ptr<PendingCall>>;
  struct Kept {
    std::string key;
    ResponsePtr response;
    int64_t num_bytes = 0;
  };

  explicit ResponseCache(int64_t max_bytes) : max_bytes_(max_bytes) {}
  Calls EndFlight(const std::string& key);
  void Keep(const std::string& key, ResponsePtr response, int64_t num_bytes);

  const int64_t max_bytes_;
  mutable std::mutex mu_;
  std::list<Kept> kept_;  // most recently used first
  std::unordered_map<std::string, std::list<Kept>::iterator> by_key_;
  std::unordered_map<std::string, Calls> flights_;  // who waits for the call that leads
  int64_t num_bytes_ = 0;
};

// The leader's duty to those who wait. One that is dropped without an end (its call was cancelled,
// or came too late) sends them back to the scheduler, where one of them leads.
class CacheLease {
 public:
  CacheLease(std::shared_ptr<ResponseCache> cache, std::string key)
      : cache_(std::move(cache)), key_(std::move(key)) {}
  ~CacheLease();
  CacheLease(const CacheLease&) = delete;
  CacheLease& operator=(const CacheLease&) = delete;

  // Keeps the answer and gives it to all who wait.
  void Fulfil(const Response& response);
  // Gives the error to all who wait, unless it is of this one call (CANCELLED).
  void Fail(const absl::Status& status);

 private:
  const std::shared_ptr<ResponseCache> cache_;
  const std::string key_;
  bool ended_ = false;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_RESPONSE_CACHE_H_
