// Reading as the runtime does it: the format settled, its limits applied, errors with details.
#ifndef STRATA_SERVICES_RUNTIME_READ_DOCUMENT_H_
#define STRATA_SERVICES_RUNTIME_READ_DOCUMENT_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/document/document_reader.h"
#include "models/document/document_tree.h"
#include "services/runtime/runtime.h"

namespace strata::runtime {

// `format`, or what kAuto stands for.
models::DocumentFormat ResolveFormat(models::DocumentFormat format, std::string_view bytes,
                                     std::string_view file_name);

// INVALID_ARGUMENT (INVALID_DOCUMENT), RESOURCE_EXHAUSTED (DOCUMENT_TOO_LARGE); field "document".
absl::StatusOr<models::DocumentTree> ReadDocumentWithin(const Limits& limits,
                                                        std::string_view bytes,
                                                        models::DocumentFormat format);

// Adds a reason by the code, INVALID_ARGUMENT or RESOURCE_EXHAUSTED; other errors stay as they are.
absl::Status WithDetailByCode(absl::Status status, const char* invalid, const char* exhausted,
                              const char* field);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_READ_DOCUMENT_H_
