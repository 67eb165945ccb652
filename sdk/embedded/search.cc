#include "strata/search.h"

#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/search/vector_index.h"

namespace strata {
namespace {

constexpr std::int32_t kMaxInFlight = 256;

// Documents on their way through the model, on as many threads as there may be in flight.
class IndexRun {
 public:
  IndexRun(const Client& client, const std::function<std::optional<DocumentInput>()>& source,
           const IndexOptions& options,
           const std::function<void(const std::string&, const absl::Status&)>& failed,
           const std::function<bool(const IndexProgress&)>& progress)
      : client_(client), source_(source), failed_(failed), progress_(progress) {
    embed_.model = options.model;
    embed_.levels = {options.level};
    embed_.max_tokens = options.max_tokens;
    embed_.truncation = options.truncation;
    embed_.timeout = options.timeout;
  }

  void Run(std::int32_t num_threads) {
    std::vector<std::thread> threads;
    for (std::int32_t i = 0; i < num_threads; ++i) threads.emplace_back([this] { Work(); });
    for (std::thread& thread : threads) thread.join();
  }

  // After Run().
  absl::StatusOr<models::VectorIndexContent> Content(EmbeddingLevel level) {
    if (is_cancelled_) return absl::CancelledError("indexing was stopped");
    if (!error_.ok()) return error_;
    models::VectorIndexContent content;
    content.model = model_;
    content.level = EmbeddingLevelName(level);
    for (EmbedResult& result : results_) {
      for (const Embedding& embedding : result.embeddings) {
        content.dimension = static_cast<std::int32_t>(embedding.values.size());
        content.vectors.insert(content.vectors.end(), embedding.values.begin(),
                               embedding.values.end());
        content.entries.push_back({result.id, {embedding.source.begin, embedding.source.end}});
      }
      result = {};
    }
    if (content.entries.empty()) {
      return absl::InvalidArgumentError("there is no document that could be embedded");
    }
    return content;
  }

  const IndexProgress& progress() const { return state_; }

 private:
  void Work() {
    while (true) {
      std::size_t place = 0;
      std::optional<DocumentInput> document;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (is_cancelled_ || !error_.ok()) return;
        document = source_();
        if (!document.has_value()) return;
        place = results_.size();
        results_.emplace_back();
      }
      absl::StatusOr<EmbedResult> result = client_.Embed(*document, embed_);
      const std::lock_guard<std::mutex> lock(mutex_);
      Take(place, *document, std::move(result));
    }
  }

  void Take(std::size_t place, const DocumentInput& document, absl::StatusOr<EmbedResult> result) {
    ++state_.documents_done;
    if (result.ok() && !model_.empty() && result->model != model_) {
      error_ = absl::FailedPreconditionError(
          absl::StrCat("model '", result->model, "' answered where '", model_, "' had before"));
      return;
    }
    if (result.ok()) {
      model_ = result->model;
      state_.vectors += static_cast<std::int64_t>(result->embeddings.size());
      results_[place] = *std::move(result);
      results_[place].id = document.id();
    } else {
      ++state_.documents_failed;
      if (failed_) failed_(document.id(), result.status());
    }
    if (progress_ && !progress_(state_)) is_cancelled_ = true;
  }

  const Client& client_;
  const std::function<std::optional<DocumentInput>()>& source_;
  const std::function<void(const std::string&, const absl::Status&)>& failed_;
  const std::function<bool(const IndexProgress&)>& progress_;
  EmbedOptions embed_;

  std::mutex mutex_;
  std::vector<EmbedResult> results_;  // in the source's order
  std::string model_;
  IndexProgress state_;
  absl::Status error_;
  bool is_cancelled_ = false;
};

}  // namespace

absl::StatusOr<IndexReport> BuildIndex(
    const Client& client, const std::function<std::optional<DocumentInput>()>& source,
    const IndexOptions& options,
    const std::function<void(const std::string& id, const absl::Status& status)>& failed,
    const std::function<bool(const IndexProgress&)>& progress) {
  if (options.level == EmbeddingLevel::kToken) {
    return absl::InvalidArgumentError("level must be document, section or sentence");
  }
  if (options.in_flight < 1 || options.in_flight > kMaxInFlight) {
    return absl::InvalidArgumentError(absl::StrCat("in_flight must be 1 to ", kMaxInFlight));
  }
  // Before the work rather than after it.
  absl::Status status = models::VectorIndex::CheckOutput(options.output_folder);
  if (!status.ok()) return status;
  IndexRun run(client, source, options, failed, progress);
  run.Run(options.in_flight);
  auto content = run.Content(options.level);
  if (!content.ok()) return content.status();
  IndexProgress state = run.progress();
  IndexReport report;
  report.model = content->model;
  report.num_documents = state.documents_done - state.documents_failed;
  report.num_failed = state.documents_failed;
  report.num_vectors = static_cast<std::int64_t>(content->entries.size());
  report.dimension = content->dimension;
  status = models::VectorIndex::Write(*std::move(content), options.output_folder,
                                      [&](std::int64_t linked) {
                                        state.vectors_linked = linked;
                                        return !progress || progress(state);
                                      });
  if (!status.ok()) return status;
  return report;
}

struct SearchIndex::State {
  std::shared_ptr<const models::VectorIndex> index;
};

absl::StatusOr<SearchIndex> SearchIndex::Open(const std::string& folder) {
  auto index = models::VectorIndex::Open(folder);
  if (!index.ok()) return index.status();
  return SearchIndex(std::make_shared<const State>(State{*std::move(index)}));
}

const std::string& SearchIndex::model() const { return state_->index->model(); }
const std::string& SearchIndex::level() const { return state_->index->level(); }
std::int64_t SearchIndex::size() const { return state_->index->size(); }
std::int32_t SearchIndex::dimension() const { return state_->index->dimension(); }

absl::StatusOr<std::vector<SearchHit>> SearchIndex::Search(const Client& client,
                                                           const DocumentInput& query,
                                                           const SearchOptions& options) const {
  EmbedOptions embed;
  embed.model = options.model;
  embed.levels = {EmbeddingLevel::kDocument};
  embed.max_tokens = options.max_tokens;
  embed.truncation = options.truncation;
  embed.timeout = options.timeout;
  const absl::StatusOr<EmbedResult> result = client.Embed(query, embed);
  if (!result.ok()) return result.status();
  if (result->model != model()) {
    return absl::FailedPreconditionError(absl::StrCat("the index was made with model '", model(),
                                                      "', '", result->model,
                                                      "' answered; search with the same one"));
  }
  if (result->embeddings.empty()) {
    return absl::InvalidArgumentError("the model gave no vector of the query");
  }
  return SearchVector(result->embeddings[0].values, options);
}

absl::StatusOr<std::vector<SearchHit>> SearchIndex::SearchVector(
    const std::vector<float>& query, const SearchOptions& options) const {
  const models::VectorIndex& index = *state_->index;
  const auto found = options.exact ? index.SearchExactly(query, options.top_k)
                                   : index.SearchByGraph(query, options.top_k, options.effort);
  if (!found.ok()) return found.status();
  std::vector<SearchHit> hits;
  for (const models::VectorHit& hit : *found) {
    const models::VectorEntry& entry = index.entry(hit.row);
    hits.push_back({entry.id, {entry.source.begin, entry.source.end}, hit.similarity});
  }
  return hits;
}

}  // namespace strata
