// Answers a summary with sentences of the document.
#ifndef STRATA_MODELS_ENGINE_EXTRACT_ANSWER_H_
#define STRATA_MODELS_ENGINE_EXTRACT_ANSWER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "models/engine/answers.h"

namespace strata::models {

// INVALID_ARGUMENT names the option.
absl::Status CheckExtract(const SummaryOptions& options);

// Fills result.summary. A sentence weighs what the classification head gave its anchor (or its part
// of a segment's), or without a head as near as it is to the middle of the document; its vector is
// its anchor's state, or the mean of its tokens'. Headings are not taken. `on_text` (may be null)
// is told a sentence at a time. INVALID_ARGUMENT: the document holds no sentence, or none within
// the budget.
absl::Status AnswerExtract(const DocumentView& view, const SummaryOptions& options,
                           const std::function<void(const std::string&)>& on_text,
                           TaskResult& result);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_EXTRACT_ANSWER_H_
