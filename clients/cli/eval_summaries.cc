#include "clients/cli/eval_summaries.h"

#include <cstdio>
#include <utility>

#include "clients/cli/terminal.h"

namespace strata::cli {
namespace {

constexpr std::pair<const char*, RougeValue RougeSummary::*> kKinds[] = {
    {"rouge1", &RougeSummary::rouge1},
    {"rouge2", &RougeSummary::rouge2},
    {"rougeL", &RougeSummary::rouge_l},
    {"rougeLsum", &RougeSummary::rouge_l_sum}};

Json ToJson(const RougeSummary& score) {
  Json json;
  for (const auto& [name, kind] : kKinds) {
    const RougeValue& value = score.*kind;
    json[name] = {{"precision", value.precision},
                  {"recall", value.recall},
                  {"f1", value.f1},
                  {"f1_interval", {value.interval.low, value.interval.high}}};
  }
  return json;
}

}  // namespace

Json ToJson(const SummaryEvalReport& report) {
  return {{"model", report.model},
          {"num_documents", report.num_documents},
          {"num_skipped", report.num_skipped},
          {"mean_words", report.mean_words},
          {"rouge", ToJson(report.score)},
          {"lead", ToJson(report.lead)},
          {"seconds", report.seconds}};
}

void PrintSummaryReport(const SummaryEvalReport& report) {
  std::printf("%-10s %9s %9s %9s   %s\n", "times 100", "precision", "recall", "F1",
              "95 of 100 such sets of documents");
  const auto print = [](const RougeSummary& score) {
    for (const auto& [name, kind] : kKinds) {
      const RougeValue& value = score.*kind;
      std::printf("%-10s %9.2f %9.2f %9.2f   %.2f to %.2f\n", name, 100 * value.precision,
                  100 * value.recall, 100 * value.f1, 100 * value.interval.low,
                  100 * value.interval.high);
    }
  };
  print(report.score);
  std::printf("\nAs many sentences from the head of each document\n");
  print(report.lead);
  std::printf(
      "\n%s, %.0f words a summary, %.1f docs/s\n",
      Counted(report.num_documents, "document").c_str(), report.mean_words,
      report.seconds > 0 ? static_cast<double>(report.num_documents) / report.seconds : 0.0);
  if (report.num_skipped > 0) {
    std::printf("%s without a summary left out\n", Counted(report.num_skipped, "line").c_str());
  }
}

}  // namespace strata::cli
