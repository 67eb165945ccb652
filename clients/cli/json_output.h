// Results as JSON, the same in every command: one object a line.
#ifndef STRATA_CLIENTS_CLI_JSON_OUTPUT_H_
#define STRATA_CLIENTS_CLI_JSON_OUTPUT_H_

#include <string>

#include "absl/status/status.h"
#include "nlohmann/json.hpp"
#include "strata/eval.h"
#include "strata/result.h"

namespace strata::cli {

using Json = nlohmann::ordered_json;

// [begin, end]
Json ToJson(const ByteRange& range);
// {"id", "status": "OK", "model", "label", "probability", "labels", "tokens", "timings_ms"}, and
// with explanations "sections" and "sentences".
Json ToJson(const ClassifyResult& result);
Json ToJson(const EmbedResult& result);
// {"id", "status": "OK", "model", "method", "summary", "sources", ...}; an abstractive one also
// "new_tokens", "complete", "score".
Json ToJson(const SummarizeResult& result);
Json ToJson(const DocumentStructure& structure);
Json ToJson(const ModelDescription& model);
Json ToJson(const ClassificationScore& score);
// {"id", "status": "INVALID_ARGUMENT", "message", "reason"}; without an id where the error is of no
// one document.
Json ErrorToJson(const absl::Status& status);
Json ErrorToJson(const std::string& id, const absl::Status& status);

// One line without its end. Bytes that are not UTF-8 (file names) become U+FFFD.
std::string Dump(const Json& json);
void PrintLine(const Json& json);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_JSON_OUTPUT_H_
