#include "strata/client.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata {
namespace {

// An error of one document names it.
template <typename T>
absl::StatusOr<T> Named(const DocumentInput& document, absl::StatusOr<T> result) {
  if (result.ok() || document.id().empty()) return result;
  const absl::Status& error = result.status();
  if (std::string(error.message()).find(document.id()) != std::string::npos) return result;
  absl::Status named(error.code(), absl::StrCat(document.id(), ": ", error.message()));
  error.ForEachPayload(
      [&](auto url, const absl::Cord& payload) { named.SetPayload(url, payload); });
  return named;
}

}  // namespace

absl::StatusOr<ClassifyResult> Client::Classify(const DocumentInput& document,
                                                const ClassifyOptions& options) const {
  return Named(document, connection_->Classify(document, options));
}

absl::StatusOr<EmbedResult> Client::Embed(const DocumentInput& document,
                                          const EmbedOptions& options) const {
  return Named(document, connection_->Embed(document, options));
}

absl::StatusOr<SummarizeResult> Client::Summarize(const DocumentInput& document,
                                                  const SummarizeOptions& options,
                                                  const TextCallback& on_text) const {
  return Named(document, connection_->Summarize(document, options, on_text));
}

absl::StatusOr<MatchResult> Client::Match(const DocumentInput& document,
                                          const DocumentInput& candidate,
                                          const MatchOptions& options) const {
  absl::StatusOr<Ranking> ranking = connection_->Rank(document, {candidate}, options);
  if (!ranking.ok()) return ranking.status();
  if (ranking->results.size() != 1) return absl::InternalError("the candidate was not answered");
  MatchResult& result = ranking->results[0];
  if (!result.status.ok()) return result.status;
  return std::move(result);
}

absl::StatusOr<Ranking> Client::Rank(const DocumentInput& document,
                                     const std::vector<DocumentInput>& candidates,
                                     const MatchOptions& options) const {
  return connection_->Rank(document, candidates, options);
}

absl::StatusOr<TokenizeResult> Client::Tokenize(const std::string& text,
                                                const TokenizeOptions& options) const {
  return connection_->Tokenize(text, options);
}

absl::StatusOr<DocumentStructure> Client::Inspect(const DocumentInput& document,
                                                  const InspectOptions& options) const {
  return Named(document, connection_->Inspect(document, options));
}

absl::StatusOr<std::vector<ModelDescription>> Client::ListModels() const {
  return connection_->ListModels();
}

std::unique_ptr<ClassifyStream> Client::ClassifyMany(DocumentSource source,
                                                     ClassifyCallback on_result,
                                                     const ClassifyManyOptions& options) const {
  return connection_->ClassifyMany(std::move(source), std::move(on_result), options);
}

}  // namespace strata
