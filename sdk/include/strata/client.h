// The door to Strata: classify, embed, summarize and match documents, by a service or by the engine
// in this process.
//
//   auto client = strata::Client::Connect("localhost:50051");
//   if (!client.ok()) ...
//   auto result = client->Classify(strata::DocumentInput::FromFile("paper.html"));
//   if (result.ok()) std::cout << result->labels[0].label << "\n";
#ifndef STRATA_CLIENT_H_
#define STRATA_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "strata/connection.h"
#include "strata/document.h"
#include "strata/export.h"
#include "strata/options.h"
#include "strata/result.h"

namespace strata {

// Cheap to copy; copies share one connection and compare equal. Every method is safe from many
// threads at once. Errors are those of the service: INVALID_ARGUMENT (document, option), NOT_FOUND
// (model), RESOURCE_EXHAUSTED (a limit, named), DEADLINE_EXCEEDED, UNAVAILABLE; see strata/error.h.
class STRATA_API Client {
 public:
  // A service at "host:port" (or any gRPC target). Returns at once: whether someone is there shows
  // in the first call. INVALID_ARGUMENT: an endpoint or option that cannot be.
  static absl::StatusOr<Client> Connect(const std::string& endpoint,
                                        const ClientOptions& options = {});
  // Over any connection: a mock, or one of the caller's.
  explicit Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  absl::StatusOr<ClassifyResult> Classify(const DocumentInput& document,
                                          const ClassifyOptions& options = {}) const;
  absl::StatusOr<EmbedResult> Embed(const DocumentInput& document,
                                    const EmbedOptions& options = {}) const;
  // A summary: sentences of the document, or written by the model; always with the sentences that
  // it rests on. `on_text` is told the text as it is written, in parts that joined are the text.
  absl::StatusOr<SummarizeResult> Summarize(const DocumentInput& document,
                                            const SummarizeOptions& options = {},
                                            const TextCallback& on_text = nullptr) const;
  // How well two documents match.
  absl::StatusOr<MatchResult> Match(const DocumentInput& document, const DocumentInput& candidate,
                                    const MatchOptions& options = {}) const;
  // The candidates, best match first. Each document goes through the model once. A candidate that
  // cannot be read has the error in its own result.
  absl::StatusOr<Ranking> Rank(const DocumentInput& document,
                               const std::vector<DocumentInput>& candidates,
                               const MatchOptions& options = {}) const;
  // Token ids of a text with their bytes; no structure, no special tokens.
  absl::StatusOr<TokenizeResult> Tokenize(const std::string& text,
                                          const TokenizeOptions& options = {}) const;
  // The structure that is found in a document; no model is used. strata/local.h does the same
  // without a connection.
  absl::StatusOr<DocumentStructure> Inspect(const DocumentInput& document,
                                            const InspectOptions& options = {}) const;
  absl::StatusOr<std::vector<ModelDescription>> ListModels() const;

  // Any number of documents, many in flight, answered as each is done. Returns at once; the work
  // ends when the returned object is destroyed.
  std::unique_ptr<ClassifyStream> ClassifyMany(DocumentSource source, ClassifyCallback on_result,
                                               const ClassifyManyOptions& options = {}) const;

  friend bool operator==(const Client& a, const Client& b) {
    return a.connection_ == b.connection_;
  }
  friend bool operator!=(const Client& a, const Client& b) { return !(a == b); }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace strata

#endif  // STRATA_CLIENT_H_
