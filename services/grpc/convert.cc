#include "services/grpc/convert.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/grpc/status_details.h"
#include "services/runtime/error_detail.h"
#include "services/telemetry/steady_time.h"

namespace strata::service {
namespace {

using models::DocumentFormat;
using models::EmbeddingLevel;
using models::NodeKind;

absl::Status BadField(const std::string& field, const std::string& message) {
  return runtime::WithDetail(absl::InvalidArgumentError(absl::StrCat(field, ": ", message)),
                             {.reason = "INVALID_FIELD", .field = field});
}

absl::StatusOr<DocumentFormat> FromProto(v1::DocumentFormat format) {
  switch (format) {
    case v1::DOCUMENT_FORMAT_UNSPECIFIED:
      return DocumentFormat::kAuto;
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
      return BadField("document.format", absl::StrCat("unknown value ", static_cast<int>(format)));
  }
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

v1::NodeKind ToProto(NodeKind kind) {
  switch (kind) {
    case NodeKind::kDocument:
      return v1::NODE_KIND_DOCUMENT;
    case NodeKind::kSection:
      return v1::NODE_KIND_SECTION;
    case NodeKind::kHeading:
      return v1::NODE_KIND_HEADING;
    case NodeKind::kParagraph:
      return v1::NODE_KIND_PARAGRAPH;
    case NodeKind::kSentence:
      return v1::NODE_KIND_SENTENCE;
    case NodeKind::kToken:
      return v1::NODE_KIND_TOKEN;
  }
  return v1::NODE_KIND_UNSPECIFIED;
}

v1::Task ToProto(models::Task task) {
  switch (task) {
    case models::Task::kClassify:
      return v1::TASK_CLASSIFY;
    case models::Task::kEmbed:
      return v1::TASK_EMBED;
    case models::Task::kMatch:
      return v1::TASK_MATCH;
    case models::Task::kSummarize:
      return v1::TASK_SUMMARIZE;
  }
  return v1::TASK_UNSPECIFIED;
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

void ToProto(models::ByteSpan span, v1::ByteSpan* out) {
  out->set_begin(span.begin);
  out->set_end(span.end);
}

void ToProto(absl::Duration duration, google::protobuf::Duration* out) {
  const int64_t nanos = absl::ToInt64Nanoseconds(duration);
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

void ToProto(const models::TokenCounts& tokens, v1::TokenCounts* out) {
  out->set_num_tokens(tokens.num_tokens);
  out->set_num_words_seen(tokens.num_words_seen);
  out->set_num_words_kept(tokens.num_words_kept);
  ToProto(tokens.source_kept, out->mutable_source_kept());
  out->set_seconds(tokens.seconds);
}

void ToProto(const runtime::Timings& timings, v1::Timings* out) {
  ToProto(timings.prepare, out->mutable_prepare());
  ToProto(timings.queue, out->mutable_queue());
  ToProto(timings.compute, out->mutable_compute());
  ToProto(timings.total, out->mutable_total());
}

void ToProto(const models::LabelScore& score, v1::LabelScore* out) {
  out->set_label(score.label);
  out->set_probability(score.probability);
  out->set_logit(score.logit);
}

void ToProto(const models::NodeContribution& contribution, v1::NodeContribution* out) {
  out->set_node(contribution.node);
  out->set_kind(ToProto(contribution.kind));
  ToProto(contribution.source, out->mutable_source());
  out->set_text(contribution.text);
  out->set_weight(contribution.weight);
  out->set_contribution(contribution.contribution);
}

void ToProto(const models::Embedding& embedding, v1::Embedding* out) {
  out->set_level(ToProto(embedding.level));
  out->set_node(embedding.node);
  ToProto(embedding.source, out->mutable_source());
  out->mutable_values()->Add(embedding.values.begin(), embedding.values.end());
}

absl::Status FillPrepare(const v1::PrepareOptions& options, models::PrepareOptions& prepare) {
  prepare.max_tokens = options.max_tokens();
  prepare.query = options.query();
  absl::Status status = CheckLength("options.prepare.query", prepare.query, kMaxQueryBytes);
  if (!status.ok()) return status;
  if (options.truncation() == v1::TRUNCATION_KEEP_HEAD) {
    prepare.truncation = models::Truncation::kKeepHead;
  } else if (options.truncation() == v1::TRUNCATION_REJECT ||
             options.truncation() == v1::TRUNCATION_UNSPECIFIED) {
    prepare.truncation = models::Truncation::kReject;
  } else {
    return BadField("options.prepare.truncation",
                    absl::StrCat("unknown value ", static_cast<int>(options.truncation())));
  }
  return absl::OkStatus();
}

absl::Status FillOptions(const v1::ClassifyOptions& options, runtime::Request& request) {
  request.task.task = models::Task::kClassify;
  request.task.top_k = options.top_k();
  request.task.explain = options.explain();
  if (options.top_k() < 0) {
    return BadField("options.top_k", absl::StrCat("is ", options.top_k(), "; give 0 or more"));
  }
  if (options.has_events()) {
    const v1::SoundEventOptions& from = options.events();
    models::EventRequest& events = request.task.events.emplace();
    if (from.has_threshold()) events.events.threshold = from.threshold();
    if (from.has_max_pause_seconds()) events.events.max_pause_s = from.max_pause_seconds();
    if (from.has_min_event_seconds()) events.events.min_event_s = from.min_event_seconds();
    if (from.has_overlap_seconds()) events.overlap_s = from.overlap_seconds();
  }
  return FillPrepare(options.prepare(), request.prepare);
}

absl::Status FillOptions(const v1::EmbedOptions& options, runtime::Request& request) {
  request.task.task = models::Task::kEmbed;
  request.task.normalize = options.normalize();
  if (options.levels().empty()) {
    return BadField("options.levels", "is empty; name one or more levels");
  }
  for (int i = 0; i < options.levels_size(); ++i) {
    bool known = false;
    for (const EmbeddingLevel level : {EmbeddingLevel::kDocument, EmbeddingLevel::kSection,
                                       EmbeddingLevel::kSentence, EmbeddingLevel::kToken}) {
      if (options.levels(i) != ToProto(level)) continue;
      known = true;
      for (const EmbeddingLevel earlier : request.task.levels) {
        if (earlier == level) {
          return BadField(absl::StrCat("options.levels[", i, "]"), "is named twice");
        }
      }
      request.task.levels.push_back(level);
    }
    if (!known) {
      return BadField(absl::StrCat("options.levels[", i, "]"),
                      absl::StrCat("unknown value ", static_cast<int>(options.levels(i))));
    }
  }
  return FillPrepare(options.prepare(), request.prepare);
}

void FillWriting(const v1::WritingOptions& options, models::WritingOptions& writing) {
  if (options.has_max_new_tokens()) writing.max_new_tokens = options.max_new_tokens();
  if (options.has_min_new_tokens()) writing.min_new_tokens = options.min_new_tokens();
  if (options.has_num_beams()) writing.num_beams = options.num_beams();
  if (options.has_no_repeat_ngram_size()) {
    writing.no_repeat_ngram_size = options.no_repeat_ngram_size();
  }
  if (options.has_length_penalty()) writing.length_penalty = options.length_penalty();
  if (options.has_repetition_penalty()) writing.repetition_penalty = options.repetition_penalty();
  writing.sample = options.sample();
  if (options.has_temperature()) writing.temperature = options.temperature();
  if (options.has_top_p()) writing.top_p = options.top_p();
  if (options.has_top_k()) writing.top_k = options.top_k();
  writing.seed = options.seed();
}

absl::Status FillOptions(const v1::SummarizeOptions& options, runtime::Request& request) {
  request.task.task = models::Task::kSummarize;
  models::SummaryOptions& summary = request.task.summary;
  switch (options.method()) {
    case v1::SUMMARY_METHOD_UNSPECIFIED:
      summary.method = models::SummaryMethod::kAuto;
      break;
    case v1::SUMMARY_METHOD_EXTRACTIVE:
      summary.method = models::SummaryMethod::kExtractive;
      break;
    case v1::SUMMARY_METHOD_ABSTRACTIVE:
      summary.method = models::SummaryMethod::kAbstractive;
      break;
    default:
      return BadField("options.method",
                      absl::StrCat("unknown value ", static_cast<int>(options.method())));
  }
  summary.max_words = options.max_words();
  summary.max_sentences = options.max_sentences();
  if (options.has_max_similarity()) summary.max_similarity = options.max_similarity();
  FillWriting(options.writing(), summary.writing);
  return FillPrepare(options.prepare(), request.prepare);
}

// The names of a Document or DocumentHeader.
template <typename DocumentLike>
absl::Status CheckNames(const DocumentLike& document) {
  absl::Status status = CheckLength("document.id", document.id(), kMaxIdBytes);
  if (!status.ok()) return status;
  return CheckLength("document.file_name", document.file_name(), kMaxNameBytes);
}

absl::StatusOr<runtime::MatchDocument> ToMatchDocument(const v1::Document& document,
                                                       const std::string& field) {
  absl::StatusOr<DocumentFormat> format = FromProto(document.format());
  absl::Status status = CheckNames(document);
  if (status.ok()) status = format.status();
  if (!status.ok()) {
    return runtime::WithDetail(
        absl::InvalidArgumentError(absl::StrCat(field, ": ", status.message())),
        {.reason = "INVALID_FIELD", .field = field});
  }
  return runtime::MatchDocument{document.id(), document.content(), *format, document.file_name()};
}

void ToProto(const runtime::MatchedDocument& document, v1::MatchedDocument* out) {
  out->set_id(document.id);
  ToProto(document.tokens, out->mutable_tokens());
  out->mutable_blocks()->Reserve(static_cast<int>(document.blocks.size()));
  for (const models::ByteSpan& block : document.blocks) ToProto(block, out->add_blocks());
}

// Document or DocumentHeader.
template <typename DocumentLike>
absl::Status FillDocument(const DocumentLike& document, runtime::Request& request) {
  if (absl::Status status = CheckNames(document); !status.ok()) return status;
  absl::StatusOr<DocumentFormat> format = FromProto(document.format());
  if (!format.ok()) return format.status();
  request.id = document.id();
  request.format = *format;
  request.file_name = document.file_name();
  return absl::OkStatus();
}

template <typename RequestLike>
absl::StatusOr<runtime::Request> FromRequest(const RequestLike& message) {
  runtime::Request request;
  request.model = message.model();
  absl::Status named = CheckLength("model", request.model, kMaxNameBytes);
  if (!named.ok()) return named;
  if (!message.has_document()) return BadField("document", "is missing");
  if (absl::Status status = FillDocument(message.document(), request); !status.ok()) return status;
  if (absl::Status status = FillOptions(message.options(), request); !status.ok()) return status;
  return request;
}

template <typename RequestLike>
absl::StatusOr<runtime::Request> FromUnary(const RequestLike& message) {
  absl::StatusOr<runtime::Request> request = FromRequest(message);
  if (request.ok()) request->document = message.document().content();
  return request;
}

}  // namespace

absl::Status CheckLength(const std::string& field, const std::string& text, size_t max_bytes) {
  if (text.size() <= max_bytes) return absl::OkStatus();
  return BadField(field, absl::StrCat(text.size(), " bytes; at most ", max_bytes, " are allowed"));
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  return telemetry::SteadyFromWall(absl::FromChrono(deadline));
}

std::string TraceparentOf(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("traceparent");
  if (found == context.client_metadata().end()) return "";
  // version-trace_id-parent_id-flags, in lower-case hexadecimal digits.
  const std::string_view value(found->second.data(), found->second.size());
  if (value.size() != 55 || value[2] != '-' || value[35] != '-' || value[52] != '-') return "";
  for (size_t i = 0; i < value.size(); ++i) {
    const bool dash = i == 2 || i == 35 || i == 52;
    if (!dash && std::string_view("0123456789abcdef").find(value[i]) == std::string_view::npos) {
      return "";
    }
  }
  return std::string(value);
}

absl::StatusOr<runtime::Request> FromProto(const v1::ClassifyRequest& request) {
  return FromUnary(request);
}
absl::StatusOr<runtime::Request> FromProto(const v1::EmbedRequest& request) {
  return FromUnary(request);
}
absl::StatusOr<runtime::Request> FromProto(const v1::SummarizeRequest& request) {
  return FromUnary(request);
}
absl::StatusOr<runtime::Request> FromProto(const v1::ClassifyStreamHeader& header) {
  return FromRequest(header);
}
absl::StatusOr<runtime::Request> FromProto(const v1::EmbedStreamHeader& header) {
  return FromRequest(header);
}

absl::StatusOr<runtime::InspectRequest> FromProto(const v1::InspectDocumentRequest& message) {
  if (!message.has_document()) return BadField("document", "is missing");
  const v1::Document& document = message.document();
  if (absl::Status status = CheckNames(document); !status.ok()) return status;
  absl::StatusOr<DocumentFormat> format = FromProto(document.format());
  if (!format.ok()) return format.status();
  runtime::InspectRequest request;
  request.document = document.content();
  request.format = *format;
  request.file_name = document.file_name();
  request.include_tokens = message.include_tokens();
  request.model = message.model();
  return request;
}

absl::StatusOr<runtime::MatchRequest> FromProto(const v1::MatchRequest& message) {
  runtime::MatchRequest request;
  request.model = message.model();
  request.top_k = message.options().top_k();
  request.block_pairs = message.options().block_pairs();
  if (!message.has_document()) return BadField("document", "is missing");
  absl::StatusOr<runtime::MatchDocument> document = ToMatchDocument(message.document(), "document");
  if (!document.ok()) return document.status();
  request.document = *std::move(document);
  for (int i = 0; i < message.candidates_size(); ++i) {
    document = ToMatchDocument(message.candidates(i), absl::StrCat("candidates[", i, "]"));
    if (!document.ok()) return document.status();
    request.candidates.push_back(*std::move(document));
  }
  absl::Status status = FillPrepare(message.options().prepare(), request.prepare);
  if (!status.ok()) return status;
  return request;
}

runtime::TokenizeRequest FromProto(const v1::TokenizeRequest& message) {
  runtime::TokenizeRequest request;
  request.model = message.model();
  request.text = message.text();
  request.include_pieces = message.include_pieces();
  return request;
}

void ToProto(const runtime::Response& response, v1::ClassifyResult* result) {
  for (const models::LabelScore& score : response.result.labels) {
    ToProto(score, result->add_labels());
  }
  for (const models::LabelledNode& node : response.result.labelled_nodes) {
    v1::LabelledNode* out = result->add_labelled_nodes();
    out->set_node(node.node);
    out->set_kind(ToProto(node.kind));
    ToProto(node.source, out->mutable_source());
    out->set_text(node.text);
    for (const models::LabelScore& score : node.labels) ToProto(score, out->add_labels());
  }
  for (const models::NodeContribution& section : response.result.sections) {
    ToProto(section, result->add_sections());
  }
  for (const models::NodeContribution& sentence : response.result.sentences) {
    ToProto(sentence, result->add_sentences());
  }
  ToProto(response.result.events, result);
  ToProto(response.result.tokens, result->mutable_tokens());
  ToProto(response.timings, result->mutable_timings());
  result->set_model(response.model);
}

void ToProto(const std::vector<models::HeardEvent>& events, v1::ClassifyResult* result) {
  for (const models::HeardEvent& event : events) {
    v1::SoundEvent* out = result->add_events();
    out->set_label(event.label);
    out->set_begin_seconds(event.begin_s);
    out->set_end_seconds(event.end_s);
    out->set_peak(event.peak);
  }
}

size_t AppendEmbeddings(const runtime::Response& response, size_t begin, size_t max_bytes,
                        v1::EmbedResult* result) {
  const std::vector<models::Embedding>& embeddings = response.result.embeddings;
  size_t num_bytes = 0;
  size_t i = begin;
  for (; i < embeddings.size() && (i == begin || num_bytes < max_bytes); ++i) {
    ToProto(embeddings[i], result->add_embeddings());
    num_bytes += embeddings[i].values.size() * sizeof(float) + 32;
  }
  if (i == embeddings.size()) {
    ToProto(response.result.tokens, result->mutable_tokens());
    ToProto(response.timings, result->mutable_timings());
    result->set_model(response.model);
  }
  return i;
}

void ToProto(const runtime::Response& response, v1::EmbedResult* result) {
  AppendEmbeddings(response, 0, SIZE_MAX, result);
}

void ToProto(const runtime::Response& response, v1::SummarizeResult* result) {
  const models::Summary& summary = response.result.summary;
  result->set_method(summary.method == models::SummaryMethod::kAbstractive
                         ? v1::SUMMARY_METHOD_ABSTRACTIVE
                         : v1::SUMMARY_METHOD_EXTRACTIVE);
  result->set_text(summary.text);
  for (const models::SummarySource& source : summary.sources) {
    v1::SummarySource* out = result->add_sources();
    out->set_node(source.node);
    out->set_kind(ToProto(source.kind));
    ToProto(source.source, out->mutable_source());
    out->set_text(source.text);
    out->set_weight(source.weight);
    if (summary.method == models::SummaryMethod::kExtractive) {
      ToProto(source.summary, out->mutable_summary());
    }
  }
  result->set_num_new_tokens(summary.num_new_tokens);
  result->set_is_complete(summary.is_complete);
  result->set_score(summary.score);
  ToProto(response.result.tokens, result->mutable_tokens());
  ToProto(response.timings, result->mutable_timings());
  result->set_model(response.model);
}

void ToProto(const runtime::MatchResponse& response, v1::MatchResponse* out) {
  out->set_model(response.model);
  ToProto(response.document, out->mutable_document());
  ToProto(response.timings, out->mutable_timings());
  for (const runtime::MatchCandidate& candidate : response.candidates) {
    v1::MatchResult* result = out->add_results();
    result->set_index(candidate.index);
    if (!candidate.status.ok()) {
      result->mutable_candidate()->set_id(candidate.document.id);
      *result->mutable_error() = ToRpcStatus(candidate.status);
      continue;
    }
    result->set_score(candidate.match.score);
    if (candidate.match.probability) result->set_probability(*candidate.match.probability);
    ToProto(candidate.document, result->mutable_candidate());
    for (const models::BlockPair& pair : candidate.pairs) {
      v1::BlockPair* added = result->add_pairs();
      ToProto(pair.first, added->mutable_document());
      ToProto(pair.second, added->mutable_candidate());
      added->set_similarity(pair.similarity);
    }
  }
}

void ToProto(const runtime::TokenizeResponse& response, v1::TokenizeResponse* out) {
  const models::Encoding& encoding = response.encoding;
  out->mutable_token_ids()->Add(encoding.ids.begin(), encoding.ids.end());
  out->mutable_offsets()->Reserve(static_cast<int>(encoding.offsets.size()));
  for (const models::ByteSpan& offset : encoding.offsets) ToProto(offset, out->add_offsets());
  for (const std::string& piece : response.pieces) out->add_pieces(piece);
  out->set_model(response.model);
  out->set_tokenizer(response.tokenizer);
  out->set_vocab_size(response.vocab_size);
}

void ToProto(const runtime::InspectResponse& response, bool include_text,
             v1::InspectDocumentResponse* out) {
  out->set_format(ToProto(response.format));
  v1::DocumentTree* tree = out->mutable_tree();
  if (include_text) tree->set_text(response.tree.text());
  tree->set_source_size_bytes(response.tree.source_size_bytes());
  for (const models::Node& node : response.tree.nodes()) {
    v1::DocumentNode* added = tree->add_nodes();
    added->set_kind(ToProto(node.kind));
    added->set_parent(node.parent);
    added->set_level(node.level);
    ToProto(node.text, added->mutable_text());
    ToProto(node.source, added->mutable_source());
  }
}

void ToProto(const std::string& name, const models::ModelInfo& info, v1::Model* model) {
  model->set_name(name);
  model->set_architecture(info.architecture);
  model->set_model_type(info.model_type);
  model->set_tokenizer(info.tokenizer);
  for (const models::Task task : info.tasks) {
    model->add_tasks(ToProto(task));
  }
  for (const std::string& label : info.labels) model->add_labels(label);
  if (!info.labels.empty()) model->set_label_level(ToProto(info.label_level));
  model->set_num_parameters(info.num_parameters);
  model->set_weight_bytes(info.weight_bytes);
  model->set_hidden_size(info.hidden_size);
  model->set_num_layers(info.num_layers);
  model->set_vocab_size(info.vocab_size);
}

}  // namespace strata::service
