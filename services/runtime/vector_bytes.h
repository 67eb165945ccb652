// What the vectors of an answer will take, known before its pass: a token of three bytes becomes
// kilobytes of numbers.
#ifndef STRATA_SERVICES_RUNTIME_VECTOR_BYTES_H_
#define STRATA_SERVICES_RUNTIME_VECTOR_BYTES_H_

#include <cstdint>

#include "models/engine/engine.h"
#include "models/engine/result.h"

namespace strata::runtime {

// Bytes of the numbers, at the least: vectors that have no token of their own do not count. 0 for
// tasks whose answers have none.
int64_t VectorBytes(const models::ModelInfo& info, const models::TaskRequest& task,
                    const models::PreparedDocument& document);

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_VECTOR_BYTES_H_
