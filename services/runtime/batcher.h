// The queue of prepared documents, and which of them go into one packed pass.
//
// The head of the queue is in every batch, so nobody starves: a call waits for at most as many
// passes as there were calls before it. Behind a document that no longer fits, later ones that do
// fit are taken too, within a bounded look; a document that was passed over `max_skips` times ends
// that look, so newcomers cannot fill batch after batch ahead of it. A batch is formed at the very
// moment no other pass runs (picking takes microseconds, reading and tokenizing are done by
// then), so whatever arrived during the last pass can be in it. Summaries go among themselves:
// their pass goes on token by token, and others must not wait for the last one.
#ifndef STRATA_SERVICES_RUNTIME_BATCHER_H_
#define STRATA_SERVICES_RUNTIME_BATCHER_H_

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "services/runtime/pending_call.h"

namespace strata::runtime {

struct BatchLimits {
  int64_t max_tokens = 16384;
  int64_t max_documents = 256;
  int max_look_ahead = 64;  // calls looked at behind the first that did not fit
  int max_skips = 4;
};

// Not thread-safe.
class Batcher {
 public:
  explicit Batcher(const BatchLimits& limits) : limits_(limits) {}

  // By order of arrival (`sequence`), whatever the order in which they were prepared.
  void Add(std::shared_ptr<PendingCall> call);
  void Remove(const PendingCall& call);

  // The calls of the next pass, all of one version of a model, in order of arrival; empty if there
  // are none. A document over max_tokens is a batch of its own.
  std::vector<std::shared_ptr<PendingCall>> Take();

  bool empty() const { return calls_.empty(); }
  int64_t num_tokens() const { return num_tokens_; }
  // When the call at the head arrived; infinite future if there is none.
  absl::Time oldest() const {
    return calls_.empty() ? absl::InfiniteFuture() : calls_.front()->submitted;
  }

 private:
  const BatchLimits limits_;
  std::list<std::shared_ptr<PendingCall>> calls_;
  int64_t num_tokens_ = 0;
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_BATCHER_H_
