#include "services/runtime/batcher.h"

#include <iterator>
#include <utility>

namespace strata::runtime {
namespace {

bool IsSummary(const PendingCall& call) {
  return call.payload.request.task.task == models::Task::kSummarize;
}

}  // namespace

void Batcher::Add(std::shared_ptr<PendingCall> call) {
  auto position = calls_.end();
  while (position != calls_.begin() && (*std::prev(position))->sequence > call->sequence) {
    --position;
  }
  num_tokens_ += call->num_tokens;
  PendingCall& added = *call;
  added.place = calls_.insert(position, std::move(call));
}

void Batcher::Remove(const PendingCall& call) {
  num_tokens_ -= call.num_tokens;
  calls_.erase(call.place);
}

std::vector<std::shared_ptr<PendingCall>> Batcher::Take() {
  std::vector<std::shared_ptr<PendingCall>> batch;
  const ServedModel* model = nullptr;
  int64_t tokens_left = limits_.max_tokens;
  int num_looked_past = 0;
  std::vector<PendingCall*> passed_over;
  for (auto it = calls_.begin();
       it != calls_.end() && static_cast<int64_t>(batch.size()) < limits_.max_documents;) {
    PendingCall& call = **it;
    const bool fits = batch.empty() || (call.payload.model.get() == model &&
                                        IsSummary(call) == IsSummary(*batch.front()) &&
                                        call.num_tokens <= tokens_left);
    if (!fits) {
      passed_over.push_back(&call);
      if (call.num_skips >= limits_.max_skips || ++num_looked_past > limits_.max_look_ahead) break;
      ++it;
      continue;
    }
    // Whoever stands before a call that is taken has been overtaken once more.
    for (PendingCall* overtaken : passed_over) ++overtaken->num_skips;
    passed_over.clear();
    model = call.payload.model.get();
    tokens_left -= call.num_tokens;
    num_tokens_ -= call.num_tokens;
    batch.push_back(std::move(*it));
    it = calls_.erase(it);
  }
  return batch;
}

}  // namespace strata::runtime
