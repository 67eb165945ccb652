#include "models/eval/metrics.h"

#include <algorithm>
#include <random>
#include <utility>

namespace strata::models {
namespace {

using Confusion = std::vector<std::vector<int64_t>>;  // [true][predicted]

double MacroF1(const Confusion& confusion) {
  double sum = 0;
  int64_t present = 0;
  for (size_t k = 0; k < confusion.size(); ++k) {
    int64_t seen = 0;  // in truth and in prediction
    for (size_t other = 0; other < confusion.size(); ++other) {
      seen += confusion[k][other] + confusion[other][k];
    }
    if (seen == 0) continue;
    sum += 2 * static_cast<double>(confusion[k][k]) / static_cast<double>(seen);
    ++present;
  }
  return present > 0 ? sum / static_cast<double>(present) : 0;
}

}  // namespace

ClassificationMetrics ComputeClassificationMetrics(
    const std::vector<std::string>& labels, const std::vector<ClassificationOutcome>& outcomes) {
  ClassificationMetrics metrics;
  const size_t classes = labels.size();
  metrics.num_labels = static_cast<int64_t>(outcomes.size());
  metrics.confusion.assign(classes, std::vector<int64_t>(classes, 0));
  int64_t right = 0;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const ClassificationOutcome& outcome = outcomes[i];
    metrics.num_documents += i == 0 || outcome.document != outcomes[i - 1].document;
    ++metrics.confusion[static_cast<size_t>(outcome.truth)][static_cast<size_t>(outcome.predicted)];
    right += outcome.truth == outcome.predicted;
    metrics.mean_log_loss += outcome.log_loss;
  }
  if (outcomes.empty()) return metrics;
  const auto total = static_cast<double>(outcomes.size());
  metrics.accuracy = static_cast<double>(right) / total;
  metrics.mean_log_loss /= total;
  metrics.macro_f1 = MacroF1(metrics.confusion);
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
    if (row.support + predicted > 0)
      row.f1 = 2 * hits / static_cast<double>(row.support + predicted);
  }
  return metrics;
}

Interval MiddleOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(place);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  return {at(0.025), at(0.975)};
}

ClassificationIntervals BootstrapIntervals(size_t num_labels,
                                           const std::vector<ClassificationOutcome>& outcomes,
                                           int num_resamples, uint64_t seed) {
  if (outcomes.empty() || num_resamples < 1) return {};
  std::vector<size_t> begin;  // of each document's outcomes
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (i == 0 || outcomes[i].document != outcomes[i - 1].document) begin.push_back(i);
  }
  begin.push_back(outcomes.size());
  const size_t documents = begin.size() - 1;
  std::mt19937_64 random(seed);
  std::vector<double> accuracies, macro_f1s;
  for (int n = 0; n < num_resamples; ++n) {
    Confusion confusion(num_labels, std::vector<int64_t>(num_labels, 0));
    int64_t right = 0, total = 0;
    for (size_t d = 0; d < documents; ++d) {
      const size_t drawn = random() % documents;
      for (size_t i = begin[drawn]; i < begin[drawn + 1]; ++i) {
        const ClassificationOutcome& outcome = outcomes[i];
        ++confusion[static_cast<size_t>(outcome.truth)][static_cast<size_t>(outcome.predicted)];
        right += outcome.truth == outcome.predicted;
        ++total;
      }
    }
    accuracies.push_back(static_cast<double>(right) / static_cast<double>(total));
    macro_f1s.push_back(MacroF1(confusion));
  }
  return {MiddleOf(std::move(accuracies)), MiddleOf(std::move(macro_f1s))};
}

}  // namespace strata::models
