#include "services/runtime/read_document.h"

#include <utility>

#include "services/runtime/error_detail.h"

namespace strata::runtime {

models::DocumentFormat ResolveFormat(models::DocumentFormat format, std::string_view bytes,
                                     std::string_view file_name) {
  if (format != models::DocumentFormat::kAuto) return format;
  return models::DetectDocumentFormat(bytes, file_name);
}

absl::StatusOr<models::DocumentTree> ReadDocumentWithin(const Limits& limits,
                                                        std::string_view bytes,
                                                        models::DocumentFormat format) {
  models::ReaderLimits reader_limits;
  reader_limits.max_source_bytes = limits.max_document_bytes;
  absl::StatusOr<models::DocumentTree> tree = models::ReadDocument(bytes, format, reader_limits);
  if (!tree.ok()) {
    return WithDetailByCode(tree.status(), "INVALID_DOCUMENT", "DOCUMENT_TOO_LARGE", "document");
  }
  return tree;
}

absl::Status WithDetailByCode(absl::Status status, const char* invalid, const char* exhausted,
                              const char* field) {
  const bool too_much = status.code() == absl::StatusCode::kResourceExhausted;
  if (!too_much && status.code() != absl::StatusCode::kInvalidArgument) return status;
  if (!DetailOf(status).reason.empty()) return status;
  return WithDetail(std::move(status), {.reason = too_much ? exhausted : invalid, .field = field});
}

}  // namespace strata::runtime
