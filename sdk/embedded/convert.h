// Between the engine's structs and the SDK's.
#ifndef STRATA_SDK_EMBEDDED_CONVERT_H_
#define STRATA_SDK_EMBEDDED_CONVERT_H_

#include <string>

#include "absl/status/status.h"
#include "models/document/document_reader.h"
#include "models/engine/engine.h"
#include "services/runtime/match_task.h"
#include "services/runtime/runtime.h"
#include "strata/options.h"
#include "strata/result.h"

namespace strata::internal {

models::DocumentFormat ToModels(DocumentFormat format);
DocumentFormat FromModels(models::DocumentFormat format);
models::TaskRequest ToModels(const ClassifyOptions& options);
models::TaskRequest ToModels(const EmbedOptions& options);
models::TaskRequest ToModels(const SummarizeOptions& options);
models::PrepareOptions ToModels(std::int64_t max_tokens, Truncation truncation,
                                const std::string& query = "");

// With the runtime's detail as strata/error.h reads it.
absl::Status FromRuntime(const absl::Status& status);
SoundEvent FromModels(models::HeardEvent event);
ClassifyResult ToClassifyResult(runtime::Response response);
EmbedResult ToEmbedResult(runtime::Response response);
SummarizeResult ToSummarizeResult(runtime::Response response);
Ranking ToRanking(const runtime::MatchResponse& response);

TokenizeResult FromModels(const models::Tokenizer& tokenizer, const models::Encoding& encoding);
DocumentStructure FromModels(const models::DocumentTree& tree, models::DocumentFormat format);
ModelDescription FromModels(const std::string& name, const models::ModelInfo& info);

// kAuto is resolved; the file name's ending counts.
models::DocumentFormat ResolveFormat(DocumentFormat format, const std::string& bytes,
                                     const std::string& file_name);

}  // namespace strata::internal

#endif  // STRATA_SDK_EMBEDDED_CONVERT_H_
