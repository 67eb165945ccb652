#include "services/runtime/text_tasks.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/tokenizer/token_nodes.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/guarded.h"
#include "services/runtime/read_document.h"

namespace strata::runtime {
namespace {

absl::StatusOr<TokenizeResponse> TokenizeNow(const models::Engine& engine,
                                             const TokenizeRequest& request) {
  TokenizeResponse response;
  response.model = request.model;
  const models::Tokenizer& tokenizer = engine.tokenizer();
  response.tokenizer = std::string(tokenizer.kind());
  response.vocab_size = tokenizer.vocab_size();
  if (absl::Status status = tokenizer.Encode(request.text, response.encoding); !status.ok()) {
    return WithDetail(std::move(status), {.reason = "INVALID_TEXT", .field = "text"});
  }
  if (request.include_pieces) {
    response.pieces.reserve(response.encoding.ids.size());
    for (const int32_t id : response.encoding.ids) {
      response.pieces.push_back(tokenizer.IdToToken(id));
    }
  }
  return response;
}

// `engine`: whose tokens are wanted, or null.
absl::StatusOr<InspectResponse> InspectNow(const models::Engine* engine,
                                           const InspectRequest& request, const Limits& limits) {
  InspectResponse response;
  response.format = ResolveFormat(request.format, request.document, request.file_name);
  absl::StatusOr<models::DocumentTree> tree =
      ReadDocumentWithin(limits, request.document, response.format);
  if (tree.ok() && engine != nullptr) {
    tree = models::AddTokenNodes(*std::move(tree), engine->tokenizer());
  }
  if (!tree.ok()) return tree.status();
  response.tree = *std::move(tree);
  return response;
}

}  // namespace

std::shared_ptr<Call> Tokenize(Runtime& runtime, TokenizeRequest request,
                               absl::AnyInvocable<void(absl::StatusOr<TokenizeResponse>)> done) {
  const auto num_bytes = static_cast<int64_t>(request.text.size());
  const auto model = runtime.models().Find(request.model);
  if (!model.ok()) {
    done(model.status());
    return std::make_shared<AnsweredCall>();
  }
  if (num_bytes > runtime.limits().max_document_bytes) {
    done(WithDetail(absl::ResourceExhaustedError(absl::StrCat("the text has ", num_bytes,
                                                              " bytes; max_document_bytes is ",
                                                              runtime.limits().max_document_bytes)),
                    {.reason = "DOCUMENT_TOO_LARGE", .field = "text"}));
    return std::make_shared<AnsweredCall>();
  }
  request.model = (*model)->name;
  const absl::Time deadline = request.deadline;
  return runtime.Post(num_bytes, deadline,
                      [model = *model, request = std::move(request),
                       done = std::move(done)](const absl::Status& status) mutable {
                        if (status.ok()) {
                          done(Guarded<TokenizeResponse>(
                              "tokenizing", [&] { return TokenizeNow(*model->engine, request); }));
                        } else {
                          done(status);
                        }
                      });
}

std::shared_ptr<Call> Inspect(Runtime& runtime, InspectRequest request,
                              absl::AnyInvocable<void(absl::StatusOr<InspectResponse>)> done) {
  const auto num_bytes = static_cast<int64_t>(request.document.size());
  const absl::Time deadline = request.deadline;
  std::shared_ptr<const models::Engine> engine;
  if (request.include_tokens) {
    const auto model = runtime.models().Find(request.model);
    if (!model.ok()) {
      done(model.status());
      return std::make_shared<AnsweredCall>();
    }
    engine = (*model)->engine;
  }
  return runtime.Post(num_bytes, deadline,
                      [engine, limits = runtime.limits(), request = std::move(request),
                       done = std::move(done)](const absl::Status& status) mutable {
                        if (status.ok()) {
                          done(Guarded<InspectResponse>("reading", [&] {
                            return InspectNow(engine.get(), request, limits);
                          }));
                        } else {
                          done(status);
                        }
                      });
}

}  // namespace strata::runtime
