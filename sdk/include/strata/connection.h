// What a Client stands on: a remote service, the engine in this process, or a mock in a test
// (strata/mock_connection.h).
#ifndef STRATA_CONNECTION_H_
#define STRATA_CONNECTION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "strata/document.h"
#include "strata/export.h"
#include "strata/options.h"
#include "strata/result.h"

namespace strata {

// The next document of a stream, or nullopt at the end. Called from one thread of the SDK, only
// when there is room for another document; it may block.
using DocumentSource = std::function<std::optional<DocumentInput>()>;

// One document's answer or error; `id` is the document's. Called from one thread of the SDK, one
// call at a time, in the order in which answers come.
using ClassifyCallback =
    std::function<void(const std::string& id, absl::StatusOr<ClassifyResult> result)>;

// What comes next in a summary that is being written. Called from one thread of the SDK, one call
// at a time; false stops the writing, and the summary ends CANCELLED. Should be quick.
using TextCallback = std::function<bool(const std::string& part)>;

// A running ClassifyMany. Destroying it cancels what is left and waits until no callback runs (so
// not from inside a callback). Methods are safe from any thread.
class STRATA_API ClassifyStream {
 public:
  virtual ~ClassifyStream() = default;
  // Until every document was answered. OK also if some answers were errors; CANCELLED after Cancel.
  virtual absl::Status Wait() = 0;
  // No new document is taken; those not yet answered are answered CANCELLED.
  virtual void Cancel() = 0;
};

// Thread-safe. Options that a Client could leave open (timeouts) are filled in.
class STRATA_API Connection {
 public:
  virtual ~Connection() = default;

  virtual absl::StatusOr<ClassifyResult> Classify(const DocumentInput& document,
                                                  const ClassifyOptions& options) = 0;
  virtual absl::StatusOr<EmbedResult> Embed(const DocumentInput& document,
                                            const EmbedOptions& options) = 0;
  // `on_text` may be null.
  virtual absl::StatusOr<SummarizeResult> Summarize(const DocumentInput& document,
                                                    const SummarizeOptions& options,
                                                    const TextCallback& on_text) = 0;
  virtual absl::StatusOr<Ranking> Rank(const DocumentInput& document,
                                       const std::vector<DocumentInput>& candidates,
                                       const MatchOptions& options) = 0;
  virtual absl::StatusOr<TokenizeResult> Tokenize(const std::string& text,
                                                  const TokenizeOptions& options) = 0;
  virtual absl::StatusOr<DocumentStructure> Inspect(const DocumentInput& document,
                                                    const InspectOptions& options) = 0;
  virtual absl::StatusOr<std::vector<ModelDescription>> ListModels() = 0;
  virtual std::unique_ptr<ClassifyStream> ClassifyMany(DocumentSource source,
                                                       ClassifyCallback on_result,
                                                       const ClassifyManyOptions& options) = 0;
};

}  // namespace strata

#endif  // STRATA_CONNECTION_H_
