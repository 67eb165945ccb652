// Search by meaning: an index of the vectors of documents, their sections or sentences, made and
// asked with any model that gives document vectors. Link strata::engine.
//
//   strata::IndexOptions options;
//   options.output_folder = "my-index";
//   auto report = strata::BuildIndex(client, source, options, nullptr, nullptr);
//   auto index = strata::SearchIndex::Open("my-index");
//   auto hits = index->Search(client, strata::DocumentInput::FromFile("query.md"));
#ifndef STRATA_SEARCH_H_
#define STRATA_SEARCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "strata/client.h"
#include "strata/document.h"
#include "strata/export.h"
#include "strata/options.h"
#include "strata/result.h"

namespace strata {

struct IndexOptions {
  std::string output_folder;  // made; must not exist yet or be empty
  std::string model;          // as in EmbedOptions
  // What gets a vector: kDocument, kSection or kSentence.
  EmbeddingLevel level = EmbeddingLevel::kDocument;
  std::int64_t max_tokens = 0;  // of one document
  Truncation truncation = Truncation::kReject;
  std::optional<absl::Duration> timeout;  // of one document
  std::int32_t in_flight = 16;            // documents asked for at one time
};

struct IndexProgress {
  std::int64_t documents_done = 0, documents_failed = 0;  // failed: of those done
  std::int64_t vectors = 0;
  std::int64_t vectors_linked = 0;  // in the graph, which is made when all vectors are there
};

struct IndexReport {
  std::string model;
  std::int64_t num_documents = 0;  // in the index
  std::int64_t num_failed = 0;     // left out
  std::int64_t num_vectors = 0;
  std::int32_t dimension = 0;
};

// Embeds what `source` gives (nullopt = the end) in any order, keeps the source's, and writes the
// folder, which appears whole or not at all. A document that cannot be read or embedded is told to
// `failed` (may be null; one call at a time) and left out. `progress` (may be null): CANCELLED once
// it says false. INVALID_ARGUMENT: an option, no document that could be embedded.
// FAILED_PRECONDITION: the folder is not empty.
STRATA_API absl::StatusOr<IndexReport> BuildIndex(
    const Client& client, const std::function<std::optional<DocumentInput>()>& source,
    const IndexOptions& options,
    const std::function<void(const std::string& id, const absl::Status& status)>& failed,
    const std::function<bool(const IndexProgress&)>& progress);

struct SearchOptions {
  std::string model;  // as in EmbedOptions
  std::int32_t top_k = 10;
  // Every vector is compared. Else a graph is followed to most of the nearest ones.
  bool exact = false;
  std::int32_t effort = 100;    // without `exact`: candidates kept on the way; more find more
  std::int64_t max_tokens = 0;  // of the query
  Truncation truncation = Truncation::kReject;
  std::optional<absl::Duration> timeout;
};

struct SearchHit {
  std::string id;        // of the document
  ByteRange source;      // what the vector stands for, in the document's bytes
  float similarity = 0;  // cosine of the vectors, -1 to 1
};

// Immutable once opened; cheap to copy; safe from many threads.
class STRATA_API SearchIndex {
 public:
  // NOT_FOUND, INVALID_ARGUMENT (not an index), DATA_LOSS (damaged).
  static absl::StatusOr<SearchIndex> Open(const std::string& folder);

  const std::string& model() const;  // the name of the model that it was made with
  const std::string& level() const;  // "document", "section", "sentence"
  std::int64_t size() const;         // vectors
  std::int32_t dimension() const;

  // What is most like `query` as a whole, most alike first. FAILED_PRECONDITION: `client` answers
  // with another model than the index was made with.
  absl::StatusOr<std::vector<SearchHit>> Search(const Client& client, const DocumentInput& query,
                                                const SearchOptions& options = {}) const;
  // The same for a vector that is there already.
  absl::StatusOr<std::vector<SearchHit>> SearchVector(const std::vector<float>& query,
                                                      const SearchOptions& options = {}) const;

 private:
  struct State;
  explicit SearchIndex(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace strata

#endif  // STRATA_SEARCH_H_
