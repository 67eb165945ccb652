#include "models/eval/metrics.h"

namespace strata::models {

ClassificationMetrics ComputeClassificationMetrics(
    const std::vector<std::string>& labels, const std::vector<ClassificationOutcome>& outcomes) {
  ClassificationMetrics metrics;
  const size_t classes = labels.size();
  metrics.num_documents = static_cast<int64_t>(outcomes.size());
  metrics.confusion.assign(classes, std::vector<int64_t>(classes, 0));
  int64_t right = 0;
  for (const ClassificationOutcome& outcome : outcomes) {
    ++metrics.confusion[static_cast<size_t>(outcome.truth)][static_cast<size_t>(outcome.predicted)];
    right += outcome.truth == outcome.predicted;
    metrics.mean_log_loss += outcome.log_loss;
  }
  if (outcomes.empty()) return metrics;
  const auto total = static_cast<double>(outcomes.size());
  metrics.accuracy = static_cast<double>(right) / total;
  metrics.mean_log_loss /= total;
  int64_t present = 0;
  for (size_t k = 0; k < classes; ++k) {
    int64_t predicted = 0;
    ClassMetrics& row = metrics.classes.emplace_back();
    row.label = labels[k];
    for (size_t other = 0; other < classes; ++other) {
      row.support += metrics.confusion[k][other];
      predicted += metrics.confusion[other][k];
    }
    const auto hits = static_cast<double>(metrics.confusion[k][k]);
    if (predicted > 0) row.precision = hits / static_cast<double>(predicted);
    if (row.support > 0) row.recall = hits / static_cast<double>(row.support);
    if (row.support + predicted > 0) {
      row.f1 = 2 * hits / static_cast<double>(row.support + predicted);
      metrics.macro_f1 += row.f1;
      ++present;
    }
  }
  if (present > 0) metrics.macro_f1 /= static_cast<double>(present);
  return metrics;
}

}  // namespace strata::models
