// A document's structure with the models' own tokenizer, for the two doors that have one: a loaded
// model (engine_connection.cc) and a tokenizer alone (local.cc).
#ifndef STRATA_SDK_EMBEDDED_INSPECT_H_
#define STRATA_SDK_EMBEDDED_INSPECT_H_

#include "absl/status/statusor.h"
#include "models/tokenizer/tokenizer.h"
#include "strata/document.h"
#include "strata/result.h"

namespace strata::internal {

// `tokenizer` may be null: then the tree ends at sentences. Errors as strata::InspectDocument.
absl::StatusOr<DocumentStructure> InspectWith(const DocumentInput& document,
                                              const models::Tokenizer* tokenizer);

}  // namespace strata::internal

#endif  // STRATA_SDK_EMBEDDED_INSPECT_H_
