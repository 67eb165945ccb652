#include "sdk/embedded/convert.h"

#include <utility>

#include "services/runtime/error_detail.h"
#include "strata/error.h"

namespace strata::internal {
namespace {

ByteRange FromModels(const models::ByteSpan& span) { return {span.begin, span.end}; }

NodeKind FromModels(models::NodeKind kind) {
  switch (kind) {
    case models::NodeKind::kDocument:
      return NodeKind::kDocument;
    case models::NodeKind::kSection:
      return NodeKind::kSection;
    case models::NodeKind::kHeading:
      return NodeKind::kHeading;
    case models::NodeKind::kParagraph:
      return NodeKind::kParagraph;
    case models::NodeKind::kSentence:
      return NodeKind::kSentence;
    case models::NodeKind::kToken:
      return NodeKind::kToken;
  }
  return NodeKind::kDocument;
}

EmbeddingLevel FromModels(models::EmbeddingLevel level) {
  switch (level) {
    case models::EmbeddingLevel::kDocument:
      return EmbeddingLevel::kDocument;
    case models::EmbeddingLevel::kSection:
      return EmbeddingLevel::kSection;
    case models::EmbeddingLevel::kSentence:
      return EmbeddingLevel::kSentence;
    case models::EmbeddingLevel::kToken:
      return EmbeddingLevel::kToken;
  }
  return EmbeddingLevel::kDocument;
}

models::EmbeddingLevel ToModels(EmbeddingLevel level) {
  switch (level) {
    case EmbeddingLevel::kDocument:
      return models::EmbeddingLevel::kDocument;
    case EmbeddingLevel::kSection:
      return models::EmbeddingLevel::kSection;
    case EmbeddingLevel::kSentence:
      return models::EmbeddingLevel::kSentence;
    case EmbeddingLevel::kToken:
      return models::EmbeddingLevel::kToken;
  }
  return models::EmbeddingLevel::kDocument;
}

TokenCounts FromModels(const models::TokenCounts& tokens) {
  return {tokens.num_tokens, tokens.num_words_seen, tokens.num_words_kept,
          FromModels(tokens.source_kept), tokens.seconds};
}

Timings FromModels(const runtime::Timings& timings) {
  return {timings.prepare, timings.queue, timings.compute, timings.total};
}

MatchedDocument FromModels(const runtime::MatchedDocument& document) {
  MatchedDocument converted{document.id, FromModels(document.tokens), {}};
  converted.blocks.reserve(document.blocks.size());
  for (const models::ByteSpan& block : document.blocks) {
    converted.blocks.push_back(FromModels(block));
  }
  return converted;
}

std::vector<LabelScore> FromModels(std::vector<models::LabelScore> labels) {
  std::vector<LabelScore> converted;
  converted.reserve(labels.size());
  for (models::LabelScore& label : labels) {
    converted.push_back({std::move(label.label), label.probability, label.logit});
  }
  return converted;
}

std::vector<NodeContribution> FromModels(std::vector<models::NodeContribution> nodes) {
  std::vector<NodeContribution> converted;
  converted.reserve(nodes.size());
  for (models::NodeContribution& node : nodes) {
    converted.push_back({node.node, FromModels(node.kind), FromModels(node.source),
                         std::move(node.text), node.weight, node.contribution});
  }
  return converted;
}

}  // namespace

models::DocumentFormat ToModels(DocumentFormat format) {
  switch (format) {
    case DocumentFormat::kAuto:
      return models::DocumentFormat::kAuto;
    case DocumentFormat::kPlainText:
      return models::DocumentFormat::kPlainText;
    case DocumentFormat::kMarkdown:
      return models::DocumentFormat::kMarkdown;
    case DocumentFormat::kHtml:
      return models::DocumentFormat::kHtml;
    case DocumentFormat::kJats:
      return models::DocumentFormat::kJats;
    case DocumentFormat::kJson:
      return models::DocumentFormat::kJson;
  }
  return models::DocumentFormat::kAuto;
}

DocumentFormat FromModels(models::DocumentFormat format) {
  switch (format) {
    case models::DocumentFormat::kAuto:
      return DocumentFormat::kAuto;
    case models::DocumentFormat::kPlainText:
      return DocumentFormat::kPlainText;
    case models::DocumentFormat::kMarkdown:
      return DocumentFormat::kMarkdown;
    case models::DocumentFormat::kHtml:
      return DocumentFormat::kHtml;
    case models::DocumentFormat::kJats:
      return DocumentFormat::kJats;
    case models::DocumentFormat::kJson:
      return DocumentFormat::kJson;
  }
  return DocumentFormat::kAuto;
}

models::TaskRequest ToModels(const ClassifyOptions& options) {
  models::TaskRequest request;
  request.task = models::Task::kClassify;
  request.top_k = options.top_k;
  request.explain = options.explain;
  if (options.events) {
    const SoundEventOptions& events = *options.events;
    request.events = models::EventRequest{
        {events.threshold, events.max_pause_s, events.min_event_s}, events.overlap_s};
  }
  return request;
}

models::TaskRequest ToModels(const EmbedOptions& options) {
  models::TaskRequest request;
  request.task = models::Task::kEmbed;
  for (const EmbeddingLevel level : options.levels) request.levels.push_back(ToModels(level));
  request.normalize = options.normalize;
  return request;
}

models::TaskRequest ToModels(const SummarizeOptions& options) {
  models::TaskRequest request;
  request.task = models::Task::kSummarize;
  models::SummaryOptions& summary = request.summary;
  summary.method = options.method == SummaryMethod::kExtractive ? models::SummaryMethod::kExtractive
                   : options.method == SummaryMethod::kAbstractive
                       ? models::SummaryMethod::kAbstractive
                       : models::SummaryMethod::kAuto;
  summary.max_words = options.max_words;
  summary.max_sentences = options.max_sentences;
  summary.max_similarity = options.max_similarity;
  const WritingOptions& writing = options.writing;
  summary.writing.max_new_tokens = writing.max_new_tokens;
  summary.writing.min_new_tokens = writing.min_new_tokens;
  summary.writing.num_beams = writing.num_beams;
  summary.writing.no_repeat_ngram_size = writing.no_repeat_ngram_size;
  summary.writing.length_penalty = writing.length_penalty;
  summary.writing.repetition_penalty = writing.repetition_penalty;
  summary.writing.sample = writing.sample;
  summary.writing.temperature = writing.temperature;
  summary.writing.top_p = writing.top_p;
  summary.writing.top_k = writing.top_k;
  summary.writing.seed = writing.seed;
  return request;
}

models::PrepareOptions ToModels(std::int64_t max_tokens, Truncation truncation,
                                const std::string& query) {
  models::PrepareOptions prepare;
  prepare.query = query;
  prepare.max_tokens = max_tokens;
  prepare.truncation = truncation == Truncation::kKeepHead ? models::Truncation::kKeepHead
                                                           : models::Truncation::kReject;
  return prepare;
}

absl::Status FromRuntime(const absl::Status& status) {
  const runtime::ErrorDetail detail = runtime::DetailOf(status);
  absl::Status converted(status.code(), status.message());
  if (converted.ok()) return converted;
  if (!detail.reason.empty()) SetErrorReason(detail.reason, converted);
  if (detail.retry_delay > absl::ZeroDuration()) SetRetryDelay(detail.retry_delay, converted);
  return converted;
}

ClassifyResult ToClassifyResult(runtime::Response response) {
  ClassifyResult result;
  result.id = std::move(response.id);
  result.model = std::move(response.model);
  result.labels = FromModels(std::move(response.result.labels));
  result.labelled_nodes.reserve(response.result.labelled_nodes.size());
  for (models::LabelledNode& node : response.result.labelled_nodes) {
    result.labelled_nodes.push_back({node.node, FromModels(node.kind), FromModels(node.source),
                                     std::move(node.text), FromModels(std::move(node.labels))});
  }
  result.sections = FromModels(std::move(response.result.sections));
  result.sentences = FromModels(std::move(response.result.sentences));
  result.tokens = FromModels(response.result.tokens);
  result.timings = FromModels(response.timings);
  for (models::HeardEvent& event : response.result.events) {
    result.events.push_back(FromModels(std::move(event)));
  }
  return result;
}

SoundEvent FromModels(models::HeardEvent event) {
  return {std::move(event.label), event.begin_s, event.end_s, event.peak};
}

EmbedResult ToEmbedResult(runtime::Response response) {
  EmbedResult result;
  result.id = std::move(response.id);
  result.model = std::move(response.model);
  result.embeddings.reserve(response.result.embeddings.size());
  for (models::Embedding& embedding : response.result.embeddings) {
    result.embeddings.push_back({FromModels(embedding.level), embedding.node,
                                 FromModels(embedding.source), std::move(embedding.values)});
  }
  result.tokens = FromModels(response.result.tokens);
  result.timings = FromModels(response.timings);
  return result;
}

SummarizeResult ToSummarizeResult(runtime::Response response) {
  models::Summary& summary = response.result.summary;
  SummarizeResult result;
  result.id = std::move(response.id);
  result.model = std::move(response.model);
  result.method = summary.method == models::SummaryMethod::kAbstractive
                      ? SummaryMethod::kAbstractive
                      : SummaryMethod::kExtractive;
  result.text = std::move(summary.text);
  result.sources.reserve(summary.sources.size());
  for (models::SummarySource& source : summary.sources) {
    result.sources.push_back({source.node, FromModels(source.kind), FromModels(source.source),
                              std::move(source.text), source.weight, FromModels(source.summary)});
  }
  result.num_new_tokens = summary.num_new_tokens;
  result.is_complete = summary.is_complete;
  result.score = summary.score;
  result.tokens = FromModels(response.result.tokens);
  result.timings = FromModels(response.timings);
  return result;
}

Ranking ToRanking(const runtime::MatchResponse& response) {
  Ranking ranking;
  ranking.model = response.model;
  ranking.document = FromModels(response.document);
  ranking.timings = FromModels(response.timings);
  for (const runtime::MatchCandidate& candidate : response.candidates) {
    MatchResult& result = ranking.results.emplace_back();
    result.index = static_cast<std::size_t>(candidate.index);
    result.status = FromRuntime(candidate.status);
    result.score = candidate.match.score;
    result.probability = candidate.match.probability;
    result.candidate = FromModels(candidate.document);
    for (const models::BlockPair& pair : candidate.pairs) {
      result.pairs.push_back({FromModels(pair.first), FromModels(pair.second), pair.similarity});
    }
  }
  return ranking;
}

TokenizeResult FromModels(const models::Tokenizer& tokenizer, const models::Encoding& encoding) {
  TokenizeResult result;
  result.tokenizer = std::string(tokenizer.kind());
  result.vocab_size = tokenizer.vocab_size();
  result.tokens.reserve(encoding.ids.size());
  for (std::size_t i = 0; i < encoding.ids.size(); ++i) {
    result.tokens.push_back(
        {encoding.ids[i], FromModels(encoding.offsets[i]), tokenizer.IdToToken(encoding.ids[i])});
  }
  return result;
}

DocumentStructure FromModels(const models::DocumentTree& tree, models::DocumentFormat format) {
  DocumentStructure structure;
  structure.format = FromModels(format);
  structure.source_size_bytes = tree.source_size_bytes();
  structure.nodes.reserve(tree.nodes().size());
  for (const models::Node& node : tree.nodes()) {
    const NodeKind kind = FromModels(node.kind);
    const bool leaf =
        kind == NodeKind::kHeading || kind == NodeKind::kSentence || kind == NodeKind::kToken;
    structure.nodes.push_back({kind, node.parent, node.level, FromModels(node.source),
                               leaf ? std::string(tree.TextOf(node)) : std::string()});
  }
  return structure;
}

ModelDescription FromModels(const std::string& name, const models::ModelInfo& info) {
  ModelDescription description;
  description.name = name;
  description.architecture = info.architecture;
  description.tokenizer = info.tokenizer;
  for (const models::Task task : info.tasks) {
    description.tasks.emplace_back(models::TaskName(task));
  }
  description.labels = info.labels;
  description.label_level = FromModels(info.label_level);
  description.num_parameters = info.num_parameters;
  description.weight_bytes = info.weight_bytes;
  description.hidden_size = info.hidden_size;
  description.num_layers = info.num_layers;
  description.vocab_size = info.vocab_size;
  return description;
}

models::DocumentFormat ResolveFormat(DocumentFormat format, const std::string& bytes,
                                     const std::string& file_name) {
  return format == DocumentFormat::kAuto ? models::DetectDocumentFormat(bytes, file_name)
                                         : ToModels(format);
}

}  // namespace strata::internal
