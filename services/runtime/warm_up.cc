#include "services/runtime/warm_up.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "models/document/document_reader.h"
#include "services/runtime/guarded.h"
#include "services/telemetry/steady_time.h"

namespace strata::runtime {
namespace {

using models::Task;
using models::TaskResult;

// About 16 tokens a sentence.
std::string MakeText(int num_sentences) {
  std::string text = "# Rivers\n";
  for (int i = 0; i < num_sentences; ++i) {
    if (i % 16 == 0) absl::StrAppend(&text, "\n\n## Reach ", i / 16 + 1, "\n\n");
    absl::StrAppend(&text, "At mile ", i + 1, " the water is slow, and fine sand settles there. ");
  }
  return text;
}

bool Does(const models::Engine& engine, Task task) {
  const std::vector<Task>& tasks = engine.info().tasks;
  return std::find(tasks.begin(), tasks.end(), task) != tasks.end();
}

}  // namespace

absl::Status WarmUp(const models::Engine& engine, absl::Duration max_time,
                    const std::function<bool()>& cancelled) {
  const absl::Time end = telemetry::SteadyNow() + max_time;
  const std::function<bool()> stop = [&] {
    return telemetry::SteadyNow() >= end || (cancelled && cancelled());
  };
  models::WorkItem item;
  if (Does(engine, Task::kClassify)) {
    item.request.task = Task::kClassify;
  } else if (Does(engine, Task::kEmbed)) {
    item.request.task = Task::kEmbed;
    item.request.levels = {models::EmbeddingLevel::kDocument};
  } else {
    return absl::OkStatus();
  }
  for (const int num_sentences : {8, 64}) {
    if (stop()) return absl::OkStatus();
    absl::StatusOr<models::PreparedDocument> document =
        Guarded<models::PreparedDocument>("warming up on", [&] {
          auto tree =
              models::ReadDocument(MakeText(num_sentences), models::DocumentFormat::kMarkdown, {});
          return tree.ok() ? engine.Prepare(*std::move(tree), {})
                           : absl::StatusOr<models::PreparedDocument>(tree.status());
        });
    if (!document.ok()) return absl::OkStatus();  // no model of text, or of so much of it
    item.document = &*document;
    using Results = std::vector<TaskResult>;
    const absl::StatusOr<Results> results = Guarded<Results>("warming up on", [&] {
      return engine.Run({&item, 1}, stop);
    });
    if (absl::IsCancelled(results.status())) return absl::OkStatus();
    if (!results.ok()) return results.status();
    if (!results->empty() && !results->front().status.ok()) return results->front().status;
  }
  return absl::OkStatus();
}

}  // namespace strata::runtime
