#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "models/eval/rouge.h"
#include "strata/eval.h"
#include "strata/local.h"

namespace strata {
namespace {

constexpr std::size_t kLeadOfWritten = 3;  // sentences

RougeValue ToValue(const models::RougeScore& mean, const models::Interval& interval) {
  return {mean.precision, mean.recall, mean.f1, {interval.low, interval.high}};
}

RougeSummary Mean(const std::vector<models::RougeScores>& scores) {
  const models::RougeReport report = models::SummarizeRouge(scores);
  return {ToValue(report.mean.rouge1, report.rouge1), ToValue(report.mean.rouge2, report.rouge2),
          ToValue(report.mean.rouge_l, report.rouge_l),
          ToValue(report.mean.rouge_l_sum, report.rouge_l_sum)};
}

std::int64_t CountWords(const std::string& text) {
  std::istringstream words(text);
  std::int64_t count = 0;
  for (std::string word; words >> word;) ++count;
  return count;
}

void AddLine(std::string text, std::string& lines) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  absl::StrAppend(&lines, lines.empty() ? "" : "\n", text);
}

absl::StatusOr<std::string> Lead(const DocumentInput& document, std::size_t num_sentences) {
  const auto structure = InspectDocument(document);
  if (!structure.ok()) return structure.status();
  std::string lead;
  for (const DocumentNode& node : structure->nodes) {
    if (node.kind != NodeKind::kSentence) continue;
    if (num_sentences-- == 0) break;
    AddLine(node.text, lead);
  }
  return lead;
}

}  // namespace

absl::StatusOr<SummaryEvalReport> EvaluateSummaries(const Client& client, const std::string& path,
                                                    const SummaryEvalOptions& options) {
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();
  const absl::Time start = absl::Now();
  SummaryEvalReport report;
  EvalProgress progress;
  std::vector<models::RougeScores> scores, leads;
  for (LabelledDocument line;;) {
    const auto more = (*reader)->Next(line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    const auto at_line = [&](const absl::Status& status) {
      return absl::Status(status.code(),
                          absl::StrCat(path, ", line ", line.line, ": ", status.message()));
    };
    ++progress.documents_done;
    progress.bytes_done += line.document.size_bytes().value_or(0);
    if (line.summary.empty()) {
      ++report.num_skipped;
      continue;
    }
    const auto result = client.Summarize(line.document, options.summarize);
    if (!result.ok()) return at_line(result.status());
    const bool is_extract = result->method == SummaryMethod::kExtractive;
    std::string text;
    if (is_extract) {
      for (const SummarySource& source : result->sources) AddLine(source.text, text);
    } else {
      text = result->text;
    }
    const auto lead = Lead(line.document, is_extract ? result->sources.size() : kLeadOfWritten);
    if (!lead.ok()) return at_line(lead.status());
    scores.push_back(models::ComputeRouge(line.summary, text));
    leads.push_back(models::ComputeRouge(line.summary, *lead));
    report.mean_words += static_cast<double>(CountWords(text));
    report.model = result->model;
    progress.seconds = absl::ToDoubleSeconds(absl::Now() - start);
    if (options.progress) options.progress(progress);
  }
  if (scores.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": no line has a \"summary\" to compare with"));
  }
  report.num_documents = static_cast<std::int64_t>(scores.size());
  report.mean_words /= static_cast<double>(scores.size());
  report.score = Mean(scores);
  report.lead = Mean(leads);
  report.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return report;
}

}  // namespace strata
