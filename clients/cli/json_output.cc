#include "clients/cli/json_output.h"

#include <cstdio>

#include "absl/time/time.h"
#include "clients/cli/command.h"
#include "clients/cli/spooled_input.h"
#include "strata/error.h"

namespace strata::cli {
namespace {

Json ToJson(const TokenCounts& tokens) {
  Json json = {{"num_tokens", tokens.num_tokens},
               {"num_words_seen", tokens.num_words_seen},
               {"num_words_kept", tokens.num_words_kept},
               {"source_kept", cli::ToJson(tokens.source_kept)}};
  if (tokens.seconds > 0) json["seconds"] = tokens.seconds;
  return json;
}

Json ToJson(const Timings& timings) {
  return {{"prepare", absl::ToDoubleMilliseconds(timings.prepare)},
          {"queue", absl::ToDoubleMilliseconds(timings.queue)},
          {"compute", absl::ToDoubleMilliseconds(timings.compute)},
          {"total", absl::ToDoubleMilliseconds(timings.total)}};
}

Json ToJson(const std::vector<LabelScore>& labels) {
  Json array = Json::array();
  for (const LabelScore& label : labels) {
    array.push_back(
        {{"label", label.label}, {"probability", label.probability}, {"logit", label.logit}});
  }
  return array;
}

Json ToJson(const std::vector<LabelledNode>& nodes) {
  Json array = Json::array();
  for (const LabelledNode& node : nodes) {
    array.push_back({{"node", node.node},
                     {"kind", NodeKindName(node.kind)},
                     {"bytes", cli::ToJson(node.source)},
                     {"text", node.text},
                     {"label", node.labels.empty() ? "" : node.labels[0].label},
                     {"labels", ToJson(node.labels)}});
  }
  return array;
}

Json ToJson(const std::vector<NodeContribution>& nodes) {
  Json array = Json::array();
  for (const NodeContribution& node : nodes) {
    array.push_back({{"node", node.node},
                     {"kind", NodeKindName(node.kind)},
                     {"bytes", cli::ToJson(node.source)},
                     {"text", node.text},
                     {"weight", node.weight},
                     {"contribution", node.contribution}});
  }
  return array;
}

}  // namespace

Json ToJson(const ByteRange& range) { return Json::array({range.begin, range.end}); }

Json ToJson(const ClassifyResult& result) {
  Json json = {{"id", result.id}, {"status", "OK"}, {"model", result.model}};
  if (!result.labels.empty()) {
    json["label"] = result.labels[0].label;
    json["probability"] = result.labels[0].probability;
  }
  json["labels"] = ToJson(result.labels);
  if (!result.labelled_nodes.empty()) json["labelled_nodes"] = ToJson(result.labelled_nodes);
  if (!result.sentences.empty() || !result.sections.empty()) {
    json["sections"] = ToJson(result.sections);
    json["sentences"] = ToJson(result.sentences);
  }
  if (!result.events.empty()) {
    Json& events = json["events"] = Json::array();
    for (const SoundEvent& event : result.events) {
      events.push_back({{"label", event.label},
                        {"begin_s", event.begin_s},
                        {"end_s", event.end_s},
                        {"peak", event.peak}});
    }
  }
  json["tokens"] = ToJson(result.tokens);
  json["timings_ms"] = ToJson(result.timings);
  return json;
}

Json ToJson(const EmbedResult& result) {
  Json json = {{"id", result.id}, {"status", "OK"}, {"model", result.model}};
  Json embeddings = Json::array();
  for (const Embedding& embedding : result.embeddings) {
    embeddings.push_back({{"level", EmbeddingLevelName(embedding.level)},
                          {"node", embedding.node},
                          {"bytes", ToJson(embedding.source)},
                          {"values", embedding.values}});
  }
  json["embeddings"] = std::move(embeddings);
  json["tokens"] = ToJson(result.tokens);
  json["timings_ms"] = ToJson(result.timings);
  return json;
}

Json ToJson(const SummarizeResult& result) {
  Json json = {{"id", result.id},
               {"status", "OK"},
               {"model", result.model},
               {"method", SummaryMethodName(result.method)},
               {"summary", result.text}};
  const bool extractive = result.method == SummaryMethod::kExtractive;
  Json sources = Json::array();
  for (const SummarySource& source : result.sources) {
    Json one = {{"node", source.node},
                {"kind", NodeKindName(source.kind)},
                {"bytes", ToJson(source.source)},
                {"text", source.text},
                {"weight", source.weight}};
    if (extractive) one["summary_bytes"] = ToJson(source.summary);
    sources.push_back(std::move(one));
  }
  json["sources"] = std::move(sources);
  if (!extractive) {
    json["new_tokens"] = result.num_new_tokens;
    json["complete"] = result.is_complete;
    json["score"] = result.score;
  }
  json["tokens"] = ToJson(result.tokens);
  json["timings_ms"] = ToJson(result.timings);
  return json;
}

Json ToJson(const DocumentStructure& structure) {
  Json nodes = Json::array();
  for (const DocumentNode& node : structure.nodes) {
    Json one = {{"kind", NodeKindName(node.kind)},
                {"parent", node.parent},
                {"level", node.level},
                {"bytes", ToJson(node.source)}};
    if (node.kind == NodeKind::kHeading || node.kind == NodeKind::kSentence ||
        node.kind == NodeKind::kToken) {
      one["text"] = node.text;
    }
    nodes.push_back(std::move(one));
  }
  return {{"size_bytes", structure.source_size_bytes}, {"nodes", std::move(nodes)}};
}

Json ToJson(const ModelDescription& model) {
  return {{"name", model.name},
          {"architecture", model.architecture},
          {"tasks", model.tasks},
          {"tokenizer", model.tokenizer},
          {"vocab_size", model.vocab_size},
          {"hidden_size", model.hidden_size},
          {"num_layers", model.num_layers},
          {"num_parameters", model.num_parameters},
          {"weight_bytes", model.weight_bytes},
          {"labels", model.labels},
          {"label_level", model.labels.empty() ? "" : NodeKindName(model.label_level)}};
}

Json ToJson(const ClassificationScore& score) {
  Json classes = Json::array();
  Json mixed = Json::array();
  for (std::size_t i = 0; i < score.classes.size(); ++i) {
    const ClassScore& one = score.classes[i];
    classes.push_back({{"label", one.label},
                       {"support", one.support},
                       {"precision", one.precision},
                       {"recall", one.recall},
                       {"f1", one.f1}});
    for (std::size_t j = 0; j < score.confusion[i].size(); ++j) {
      if (i == j || score.confusion[i][j] == 0) continue;
      mixed.push_back({{"truth", one.label},
                       {"predicted", score.classes[j].label},
                       {"count", score.confusion[i][j]}});
    }
  }
  Json json = {{"num_documents", score.num_documents},
               {"num_labels", score.num_labels},
               {"accuracy", score.accuracy},
               {"macro_f1", score.macro_f1},
               {"mean_log_loss", score.mean_log_loss}};
  // A run that was resumed knows its best epoch's scores, not their intervals.
  if (score.accuracy_interval.high > 0) {
    json["accuracy_interval"] = {score.accuracy_interval.low, score.accuracy_interval.high};
    json["macro_f1_interval"] = {score.macro_f1_interval.low, score.macro_f1_interval.high};
  }
  json["classes"] = std::move(classes);
  json["confusion"] = std::move(mixed);
  return json;
}

Json ErrorToJson(const std::string& id, const absl::Status& status) {
  Json json = {{"id", id}};
  json.update(ErrorToJson(status));
  return json;
}

Json ErrorToJson(const absl::Status& status) {
  Json json = {{"status", absl::StatusCodeToString(status.code())},
               {"message", NameStandardInput(std::string(status.message()))}};
  if (const std::string reason = ErrorReason(status); !reason.empty()) json["reason"] = reason;
  return json;
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

void PrintLine(const Json& json) {
  std::puts(Dump(json).c_str());
  FlushOutput();
}

}  // namespace strata::cli
