#include "sdk/client/rank_in_parts.h"

#include <algorithm>
#include <utility>

namespace strata::internal {
namespace {

void Order(std::vector<MatchResult>& results) {
  std::stable_sort(results.begin(), results.end(), [](const MatchResult& a, const MatchResult& b) {
    if (a.status.ok() != b.status.ok()) return a.status.ok();
    return a.status.ok() && a.score > b.score;
  });
}

}  // namespace

absl::StatusOr<Ranking> RankInParts(
    const DocumentInput& document, const std::vector<DocumentInput>& candidates, std::int32_t top_k,
    const RankPartLimits& limits,
    absl::FunctionRef<void(const DocumentInput& candidate, std::string bytes)> add,
    absl::FunctionRef<absl::StatusOr<Ranking>()> send) {
  Ranking ranking;
  std::vector<MatchResult> unread;
  std::vector<std::size_t> places;  // of the call's candidates among all
  std::int64_t num_bytes = 0;       // of them
  const auto end_call = [&]() -> absl::Status {
    absl::StatusOr<Ranking> part = send();
    if (!part.ok()) return part.status();
    ranking.model = std::move(part->model);
    ranking.document = std::move(part->document);
    ranking.timings = part->timings;
    for (MatchResult& result : part->results) {
      if (result.index >= places.size()) continue;
      result.index = places[result.index];
      ranking.results.push_back(std::move(result));
    }
    places.clear();
    num_bytes = 0;
    return absl::OkStatus();
  };
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    absl::StatusOr<std::string> bytes = candidates[i].ReadAll();
    if (!bytes.ok()) {
      MatchResult& result = unread.emplace_back();
      result.index = i;
      result.status = bytes.status();
      continue;
    }
    const auto size = static_cast<std::int64_t>(bytes->size());
    if (!places.empty() &&
        (places.size() >= limits.candidates || num_bytes + size > limits.bytes)) {
      if (absl::Status status = end_call(); !status.ok()) return status;
    }
    num_bytes += size;
    places.push_back(i);
    add(candidates[i], *std::move(bytes));
  }
  if (!unread.empty() && unread.size() == candidates.size()) return unread[0].status;
  if (!places.empty() || candidates.empty()) {
    if (absl::Status status = end_call(); !status.ok()) return status;
  }
  for (MatchResult& result : unread) ranking.results.push_back(std::move(result));
  Order(ranking.results);
  if (top_k > 0 && ranking.results.size() > static_cast<std::size_t>(top_k)) {
    ranking.results.resize(static_cast<std::size_t>(top_k));
  }
  ranking.document.id = document.id();
  for (MatchResult& result : ranking.results) result.candidate.id = candidates[result.index].id();
  return ranking;
}

}  // namespace strata::internal
