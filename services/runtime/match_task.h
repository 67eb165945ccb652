// One document against others: each goes the ordinary way through the model, once, in whatever
// batches there are; the answers are compared when all are there.
#ifndef STRATA_SERVICES_RUNTIME_MATCH_TASK_H_
#define STRATA_SERVICES_RUNTIME_MATCH_TASK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "models/engine/match.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

struct MatchDocument {
  std::string id;        // echoed
  std::string document;  // bytes as they stand in the file
  models::DocumentFormat format = models::DocumentFormat::kAuto;
  std::string file_name;  // only for kAuto; may be empty
};

struct MatchRequest {
  std::string model;  // as in Request
  MatchDocument document;
  std::vector<MatchDocument> candidates;
  int32_t top_k = 0;        // this many best candidates; 0 = all
  int32_t block_pairs = 0;  // for each of them this many pairs of blocks that are most alike
  models::PrepareOptions prepare;
  std::string traceparent;
  absl::Time deadline = absl::InfiniteFuture();
};

// What a document was compared by.
struct MatchedDocument {
  std::string id;
  models::TokenCounts tokens;
  std::vector<models::ByteSpan> blocks;  // source bytes, document order
};

struct MatchCandidate {
  int32_t index = 0;  // in MatchRequest::candidates
  absl::Status
      status;  // why it could not be compared; then only `index` and `document.id` are meant
  models::MatchScore match;
  MatchedDocument document;
  std::vector<models::BlockPair> pairs;  // first: of the document, second: of the candidate
};

struct MatchResponse {
  std::string model;
  int64_t model_version = 0;
  MatchedDocument document;
  std::vector<MatchCandidate> candidates;  // best first; those with an error last
  // prepare and compute: of the document; total: until all were compared.
  Timings timings;
};

// Candidates of one request.
inline constexpr int kMaxMatchCandidates = 1000;

// `done` runs exactly once, as for Runtime::Submit. Its errors: NOT_FOUND (model), INVALID_ARGUMENT
// (an option, no candidate, too many), and whatever befalls `document`. What befalls a candidate is
// in its status.
std::shared_ptr<Call> Match(Runtime& runtime, MatchRequest request,
                            absl::AnyInvocable<void(absl::StatusOr<MatchResponse>)> done);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_MATCH_TASK_H_
