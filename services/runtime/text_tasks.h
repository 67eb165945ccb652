// Tasks that need no pass through a model: the tokens of a text, the structure of a document. They
// run on the runtime's workers and count against its limits.
#ifndef STRATA_SERVICES_RUNTIME_TEXT_TASKS_H_
#define STRATA_SERVICES_RUNTIME_TEXT_TASKS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "models/document/document_reader.h"
#include "models/document/document_tree.h"
#include "models/tokenizer/tokenizer.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

struct TokenizeRequest {
  std::string model;  // empty = the default
  std::string text;
  bool include_pieces = false;
  absl::Time deadline = absl::InfiniteFuture();
};

struct TokenizeResponse {
  std::string model;
  std::string tokenizer;  // Tokenizer::kind()
  int32_t vocab_size = 0;
  models::Encoding encoding;
  std::vector<std::string> pieces;  // [T] if asked for
};

// `done` runs exactly once, as for Runtime::Submit. NOT_FOUND (model), INVALID_ARGUMENT (not
// UTF-8), RESOURCE_EXHAUSTED (a limit).
std::shared_ptr<Call> Tokenize(Runtime& runtime, TokenizeRequest request,
                               absl::AnyInvocable<void(absl::StatusOr<TokenizeResponse>)> done);

struct InspectRequest {
  std::string document;
  models::DocumentFormat format = models::DocumentFormat::kAuto;
  std::string file_name;  // only for kAuto; may be empty
  bool include_tokens = false;
  std::string model;  // whose tokens; empty = the default
  absl::Time deadline = absl::InfiniteFuture();
};

struct InspectResponse {
  models::DocumentFormat format = models::DocumentFormat::kAuto;  // what it was read as
  models::DocumentTree tree;
};

// `done` runs exactly once. Errors as ReadDocument, NOT_FOUND (model) and RESOURCE_EXHAUSTED (a
// limit).
std::shared_ptr<Call> Inspect(Runtime& runtime, InspectRequest request,
                              absl::AnyInvocable<void(absl::StatusOr<InspectResponse>)> done);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_TEXT_TASKS_H_
