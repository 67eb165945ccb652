#include "strata/client.h"

#include <utility>

namespace strata {

absl::StatusOr<ClassifyResult> Client::Classify(const DocumentInput& document,
                                                const ClassifyOptions& options) const {
  return connection_->Classify(document, options);
}

absl::StatusOr<EmbedResult> Client::Embed(const DocumentInput& document,
                                          const EmbedOptions& options) const {
  return connection_->Embed(document, options);
}

absl::StatusOr<TokenizeResult> Client::Tokenize(const std::string& text,
                                                const TokenizeOptions& options) const {
  return connection_->Tokenize(text, options);
}

absl::StatusOr<DocumentStructure> Client::Inspect(const DocumentInput& document,
                                                  const InspectOptions& options) const {
  return connection_->Inspect(document, options);
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
