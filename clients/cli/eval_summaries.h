// The scores of summaries, for `strata eval --task summaries`.
#ifndef STRATA_CLIENTS_CLI_EVAL_SUMMARIES_H_
#define STRATA_CLIENTS_CLI_EVAL_SUMMARIES_H_

#include "clients/cli/json_output.h"
#include "strata/eval.h"

namespace strata::cli {

Json ToJson(const SummaryEvalReport& report);
void PrintSummaryReport(const SummaryEvalReport& report);

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_EVAL_SUMMARIES_H_
