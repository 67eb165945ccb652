#include "strata/embedded.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sdk/embedded/convert.h"
#include "sdk/embedded/engine_connection.h"
#include "services/runtime/runtime.h"

namespace strata {

absl::StatusOr<Client> MakeEmbeddedClient(const EmbeddedOptions& options) {
  if (options.models.empty()) {
    return absl::InvalidArgumentError("EmbeddedOptions::models is empty; name at least one model");
  }
  for (const auto& [name, threads] : {std::pair("compute_threads", options.compute_threads),
                                      std::pair("prepare_threads", options.prepare_threads)}) {
    if (threads < 0 || threads > kMaxThreads) {
      return absl::InvalidArgumentError(absl::StrCat("EmbeddedOptions::", name, " is ", threads,
                                                     "; give 0 (all cores) to ", kMaxThreads));
    }
  }
  const auto precision = models::ParseWeightPrecision(options.dtype);
  if (!precision.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("EmbeddedOptions::dtype: ", std::string(precision.status().message())));
  }
  runtime::RuntimeOptions runtime_options;
  runtime_options.precision = *precision;
  runtime_options.models = options.models;
  runtime_options.compute_threads = options.compute_threads;
  runtime_options.prepare_threads = options.prepare_threads;
  runtime_options.limits.max_document_bytes = options.max_document_bytes;
  runtime_options.limits.max_queued_bytes =
      std::max(runtime_options.limits.max_queued_bytes, options.max_document_bytes);
  runtime_options.limits.max_document_tokens = options.max_document_tokens;
  runtime_options.limits.max_batch_tokens = options.max_batch_tokens;
  auto runtime = runtime::Runtime::Create(runtime_options);
  if (!runtime.ok()) return internal::FromRuntime(runtime.status());
  return Client(internal::MakeEngineConnection(*std::move(runtime)));
}

}  // namespace strata
