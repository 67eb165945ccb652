#include "sdk/remote/convert.h"

#include <algorithm>

#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "strata/error.h"

namespace strata::internal {
namespace {

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

ByteRange FromProto(const v1::ByteSpan& span) { return {span.begin(), span.end()}; }

NodeKind FromProto(v1::NodeKind kind) {
  switch (kind) {
    case v1::NODE_KIND_SECTION:
      return NodeKind::kSection;
    case v1::NODE_KIND_HEADING:
      return NodeKind::kHeading;
    case v1::NODE_KIND_PARAGRAPH:
      return NodeKind::kParagraph;
    case v1::NODE_KIND_SENTENCE:
      return NodeKind::kSentence;
    case v1::NODE_KIND_TOKEN:
      return NodeKind::kToken;
    default:
      return NodeKind::kDocument;
  }
}

EmbeddingLevel FromProto(v1::EmbeddingLevel level) {
  switch (level) {
    case v1::EMBEDDING_LEVEL_SECTION:
      return EmbeddingLevel::kSection;
    case v1::EMBEDDING_LEVEL_SENTENCE:
      return EmbeddingLevel::kSentence;
    case v1::EMBEDDING_LEVEL_TOKEN:
      return EmbeddingLevel::kToken;
    default:
      return EmbeddingLevel::kDocument;
  }
}

v1::EmbeddingLevel ToProto(EmbeddingLevel level) {
  switch (level) {
    case EmbeddingLevel::kDocument:
      return v1::EMBEDDING_LEVEL_DOCUMENT;
    case EmbeddingLevel::kSection:
      return v1::EMBEDDING_LEVEL_SECTION;
    case EmbeddingLevel::kSentence:
      return v1::EMBEDDING_LEVEL_SENTENCE;
    case EmbeddingLevel::kToken:
      return v1::EMBEDDING_LEVEL_TOKEN;
  }
  return v1::EMBEDDING_LEVEL_UNSPECIFIED;
}

DocumentFormat FromProto(v1::DocumentFormat format) {
  switch (format) {
    case v1::DOCUMENT_FORMAT_PLAIN_TEXT:
      return DocumentFormat::kPlainText;
    case v1::DOCUMENT_FORMAT_MARKDOWN:
      return DocumentFormat::kMarkdown;
    case v1::DOCUMENT_FORMAT_HTML:
      return DocumentFormat::kHtml;
    case v1::DOCUMENT_FORMAT_JATS:
      return DocumentFormat::kJats;
    case v1::DOCUMENT_FORMAT_JSON:
      return DocumentFormat::kJson;
    default:
      return DocumentFormat::kAuto;
  }
}

v1::PrepareOptions PrepareProto(std::int64_t max_tokens, Truncation truncation) {
  v1::PrepareOptions prepare;
  prepare.set_max_tokens(max_tokens);
  prepare.set_truncation(truncation == Truncation::kKeepHead ? v1::TRUNCATION_KEEP_HEAD
                                                             : v1::TRUNCATION_REJECT);
  return prepare;
}

TokenCounts FromProto(const v1::TokenCounts& tokens) {
  return {tokens.num_tokens(), tokens.num_words_seen(), tokens.num_words_kept(),
          FromProto(tokens.source_kept()), tokens.seconds()};
}

Timings FromProto(const v1::Timings& timings) {
  return {FromProto(timings.prepare()), FromProto(timings.queue()), FromProto(timings.compute()),
          FromProto(timings.total())};
}

MatchedDocument FromProto(const v1::MatchedDocument& document) {
  MatchedDocument converted{document.id(), FromProto(document.tokens()), {}};
  converted.blocks.reserve(document.blocks_size());
  for (const v1::ByteSpan& block : document.blocks()) converted.blocks.push_back(FromProto(block));
  return converted;
}

std::vector<LabelScore> FromProto(
    const google::protobuf::RepeatedPtrField<v1::LabelScore>& labels) {
  std::vector<LabelScore> converted;
  converted.reserve(static_cast<std::size_t>(labels.size()));
  for (const v1::LabelScore& label : labels) {
    converted.push_back({label.label(), label.probability(), label.logit()});
  }
  return converted;
}

NodeContribution FromProto(const v1::NodeContribution& node) {
  return {node.node(), FromProto(node.kind()), FromProto(node.source()),
          node.text(), node.weight(),          node.contribution()};
}

}  // namespace

absl::Status FromProto(const google::rpc::Status& status) {
  absl::Status converted(static_cast<absl::StatusCode>(status.code()), status.message());
  if (converted.ok()) return converted;
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::RetryInfo retry;
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&retry)) SetRetryDelay(FromProto(retry.retry_delay()), converted);
    if (detail.UnpackTo(&info)) SetErrorReason(info.reason(), converted);
  }
  return converted;
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status details;
  // The code and message of the call itself count; the details only add to them.
  if (!details.ParseFromString(status.error_details())) details.Clear();
  details.set_code(status.error_code());
  details.set_message(status.error_message());
  return FromProto(details);
}

v1::DocumentFormat ToProto(DocumentFormat format) {
  switch (format) {
    case DocumentFormat::kAuto:
      return v1::DOCUMENT_FORMAT_UNSPECIFIED;
    case DocumentFormat::kPlainText:
      return v1::DOCUMENT_FORMAT_PLAIN_TEXT;
    case DocumentFormat::kMarkdown:
      return v1::DOCUMENT_FORMAT_MARKDOWN;
    case DocumentFormat::kHtml:
      return v1::DOCUMENT_FORMAT_HTML;
    case DocumentFormat::kJats:
      return v1::DOCUMENT_FORMAT_JATS;
    case DocumentFormat::kJson:
      return v1::DOCUMENT_FORMAT_JSON;
  }
  return v1::DOCUMENT_FORMAT_UNSPECIFIED;
}

v1::ClassifyOptions ToProto(const ClassifyOptions& options) {
  v1::ClassifyOptions converted;
  converted.set_top_k(options.top_k);
  converted.set_explain(options.explain);
  if (options.events) {
    v1::SoundEventOptions& events = *converted.mutable_events();
    events.set_threshold(options.events->threshold);
    events.set_max_pause_seconds(options.events->max_pause_s);
    events.set_min_event_seconds(options.events->min_event_s);
    events.set_overlap_seconds(options.events->overlap_s);
  }
  *converted.mutable_prepare() = PrepareProto(options.max_tokens, options.truncation);
  return converted;
}

v1::EmbedOptions ToProto(const EmbedOptions& options) {
  v1::EmbedOptions converted;
  for (const EmbeddingLevel level : options.levels) converted.add_levels(ToProto(level));
  converted.set_normalize(options.normalize);
  *converted.mutable_prepare() = PrepareProto(options.max_tokens, options.truncation);
  converted.mutable_prepare()->set_query(options.query);
  return converted;
}

v1::SummarizeOptions ToProto(const SummarizeOptions& options) {
  v1::SummarizeOptions converted;
  converted.set_method(options.method == SummaryMethod::kExtractive ? v1::SUMMARY_METHOD_EXTRACTIVE
                       : options.method == SummaryMethod::kAbstractive
                           ? v1::SUMMARY_METHOD_ABSTRACTIVE
                           : v1::SUMMARY_METHOD_UNSPECIFIED);
  converted.set_max_words(options.max_words);
  converted.set_max_sentences(options.max_sentences);
  converted.set_max_similarity(options.max_similarity);
  const WritingOptions& writing = options.writing;
  v1::WritingOptions& out = *converted.mutable_writing();
  if (writing.max_new_tokens) out.set_max_new_tokens(*writing.max_new_tokens);
  if (writing.min_new_tokens) out.set_min_new_tokens(*writing.min_new_tokens);
  if (writing.num_beams) out.set_num_beams(*writing.num_beams);
  if (writing.no_repeat_ngram_size) out.set_no_repeat_ngram_size(*writing.no_repeat_ngram_size);
  if (writing.length_penalty) out.set_length_penalty(*writing.length_penalty);
  if (writing.repetition_penalty) out.set_repetition_penalty(*writing.repetition_penalty);
  out.set_sample(writing.sample);
  if (writing.temperature) out.set_temperature(*writing.temperature);
  if (writing.top_p) out.set_top_p(*writing.top_p);
  if (writing.top_k) out.set_top_k(*writing.top_k);
  out.set_seed(writing.seed);
  *converted.mutable_prepare() = PrepareProto(options.max_tokens, options.truncation);
  converted.mutable_prepare()->set_query(options.query);
  return converted;
}

v1::MatchOptions ToProto(const MatchOptions& options) {
  v1::MatchOptions converted;
  converted.set_top_k(options.top_k);
  converted.set_block_pairs(options.block_pairs);
  *converted.mutable_prepare() = PrepareProto(options.max_tokens, options.truncation);
  return converted;
}

ClassifyResult FromProto(const v1::ClassifyResult& result) {
  ClassifyResult converted;
  converted.model = result.model();
  converted.labels = FromProto(result.labels());
  converted.labelled_nodes.reserve(result.labelled_nodes_size());
  for (const v1::LabelledNode& node : result.labelled_nodes()) {
    converted.labelled_nodes.push_back({node.node(), FromProto(node.kind()),
                                        FromProto(node.source()), node.text(),
                                        FromProto(node.labels())});
  }
  converted.sections.reserve(result.sections_size());
  for (const v1::NodeContribution& node : result.sections()) {
    converted.sections.push_back(FromProto(node));
  }
  converted.sentences.reserve(result.sentences_size());
  for (const v1::NodeContribution& node : result.sentences()) {
    converted.sentences.push_back(FromProto(node));
  }
  converted.tokens = FromProto(result.tokens());
  converted.timings = FromProto(result.timings());
  for (const v1::SoundEvent& event : result.events()) {
    converted.events.push_back(
        {event.label(), event.begin_seconds(), event.end_seconds(), event.peak()});
  }
  return converted;
}

void AppendFromProto(const v1::EmbedResult& part, EmbedResult& result) {
  for (const v1::Embedding& embedding : part.embeddings()) {
    result.embeddings.push_back({FromProto(embedding.level()),
                                 embedding.node(),
                                 FromProto(embedding.source()),
                                 {embedding.values().begin(), embedding.values().end()}});
  }
  result.model = part.model();
  result.tokens = FromProto(part.tokens());
  result.timings = FromProto(part.timings());
}

SummarizeResult FromProto(const v1::SummarizeResult& result) {
  SummarizeResult converted;
  converted.model = result.model();
  converted.method = result.method() == v1::SUMMARY_METHOD_ABSTRACTIVE ? SummaryMethod::kAbstractive
                                                                       : SummaryMethod::kExtractive;
  converted.text = result.text();
  converted.sources.reserve(result.sources_size());
  for (const v1::SummarySource& source : result.sources()) {
    converted.sources.push_back({source.node(), FromProto(source.kind()),
                                 FromProto(source.source()), source.text(), source.weight(),
                                 FromProto(source.summary())});
  }
  converted.num_new_tokens = result.num_new_tokens();
  converted.is_complete = result.is_complete();
  converted.score = result.score();
  converted.tokens = FromProto(result.tokens());
  converted.timings = FromProto(result.timings());
  return converted;
}

Ranking FromProto(const v1::MatchResponse& response) {
  Ranking ranking;
  ranking.model = response.model();
  ranking.document = FromProto(response.document());
  ranking.timings = FromProto(response.timings());
  for (const v1::MatchResult& result : response.results()) {
    MatchResult& converted = ranking.results.emplace_back();
    converted.index = static_cast<std::size_t>(std::max(0, result.index()));
    converted.candidate = FromProto(result.candidate());
    if (result.has_error()) converted.status = FromProto(result.error());
    converted.score = result.score();
    if (result.has_probability()) converted.probability = result.probability();
    for (const v1::BlockPair& pair : result.pairs()) {
      converted.pairs.push_back(
          {FromProto(pair.document()), FromProto(pair.candidate()), pair.similarity()});
    }
  }
  return ranking;
}

TokenizeResult FromProto(const v1::TokenizeResponse& response) {
  TokenizeResult converted;
  converted.tokenizer = response.tokenizer();
  converted.vocab_size = response.vocab_size();
  const int num_tokens = std::min(response.token_ids_size(), response.offsets_size());
  converted.tokens.reserve(num_tokens);
  for (int i = 0; i < num_tokens; ++i) {
    converted.tokens.push_back({response.token_ids(i), FromProto(response.offsets(i)),
                                i < response.pieces_size() ? response.pieces(i) : std::string()});
  }
  return converted;
}

DocumentStructure FromProto(const v1::InspectDocumentResponse& response) {
  DocumentStructure structure;
  structure.format = FromProto(response.format());
  structure.source_size_bytes = response.tree().source_size_bytes();
  const std::string& text = response.tree().text();
  structure.nodes.reserve(response.tree().nodes_size());
  for (const v1::DocumentNode& node : response.tree().nodes()) {
    DocumentNode converted = {FromProto(node.kind()), node.parent(), node.level(),
                              FromProto(node.source()), ""};
    const ByteRange range = FromProto(node.text());
    const bool leaf = converted.kind == NodeKind::kHeading ||
                      converted.kind == NodeKind::kSentence || converted.kind == NodeKind::kToken;
    if (leaf && range.begin >= 0 && range.begin <= range.end &&
        range.end <= static_cast<std::int64_t>(text.size())) {
      converted.text = text.substr(range.begin, range.size());
    }
    structure.nodes.push_back(std::move(converted));
  }
  return structure;
}

ModelDescription FromProto(const v1::Model& model) {
  ModelDescription converted;
  converted.name = model.name();
  converted.architecture = model.architecture();
  converted.tokenizer = model.tokenizer();
  for (const int task : model.tasks()) {
    if (task == v1::TASK_CLASSIFY) converted.tasks.push_back("classify");
    if (task == v1::TASK_EMBED) converted.tasks.push_back("embed");
    if (task == v1::TASK_SUMMARIZE) converted.tasks.push_back("summarize");
    if (task == v1::TASK_MATCH) converted.tasks.push_back("match");
  }
  converted.labels.assign(model.labels().begin(), model.labels().end());
  // A server of before it had other levels says nothing.
  if (model.label_level() != v1::NODE_KIND_UNSPECIFIED) {
    converted.label_level = FromProto(model.label_level());
  }
  converted.num_parameters = model.num_parameters();
  converted.weight_bytes = model.weight_bytes();
  converted.hidden_size = model.hidden_size();
  converted.num_layers = model.num_layers();
  converted.vocab_size = model.vocab_size();
  return converted;
}

std::string ToUtf8Tail(const std::string& text, std::size_t max_bytes) {
  std::string tail = text.size() > max_bytes ? text.substr(text.size() - max_bytes) : text;
  for (char& c : tail) {
    if (static_cast<unsigned char>(c) >= 0x80 || static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return tail;
}

}  // namespace strata::internal
