// The engine in this process, behind the same Client. Link strata::engine.
#ifndef STRATA_EMBEDDED_H_
#define STRATA_EMBEDDED_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "strata/client.h"
#include "strata/export.h"

namespace strata {

// More than this is a slip, and refused.
constexpr int kMaxThreads = 1024;

struct EmbeddedOptions {
  // name → model folder. The first is the default model.
  std::vector<std::pair<std::string, std::string>> models;
  // What the models' matrices are kept as, whatever their files hold: "fp32", "bf16" or "int8"
  // (docs/precision.md).
  std::string dtype = "fp32";
  int compute_threads = 0;  // 0 = the cores that this process may use
  int prepare_threads = 0;  // reading and tokenizing; 0 = the same
  std::int64_t max_document_bytes = std::int64_t{256} << 20;
  std::int64_t max_document_tokens = std::int64_t{1} << 20;
  std::int64_t max_batch_tokens = 16384;  // computed together; more = faster and more memory
};

// Loads the models. NOT_FOUND, INVALID_ARGUMENT: a model folder, with the file and key. Unlike a
// remote client's, its calls have no deadline unless one is asked for.
STRATA_API absl::StatusOr<Client> MakeEmbeddedClient(const EmbeddedOptions& options);

}  // namespace strata

#endif  // STRATA_EMBEDDED_H_
