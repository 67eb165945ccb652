// How a client connects, retries and calls. Every field has a default that is safe to keep.
#ifndef STRATA_OPTIONS_H_
#define STRATA_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace strata {

// The form of a document's bytes. kAuto: from the file name's ending, else from the content.
enum class DocumentFormat : std::uint8_t { kAuto, kPlainText, kMarkdown, kHtml, kJats, kJson };

// What happens to a document with more tokens than `max_tokens`.
enum class Truncation : std::uint8_t { kReject, kKeepHead };

// The parts of a document that can have a vector of their own.
enum class EmbeddingLevel : std::uint8_t { kDocument, kSection, kSentence, kToken };

// Retried are UNAVAILABLE, and RESOURCE_EXHAUSTED where the service says when to come back
// (RetryInfo). The wait before attempt n+1 is the larger of the service's wish and
// initial_backoff · multiplier^(n-1), at most max_backoff, with ±jitter; it never reaches past the
// call's deadline: when there is no room for another attempt the last error is returned at once.
struct RetryPolicy {
  int max_attempts = 5;  // the first one included; 1 = never retry
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(5);
  double multiplier = 2.0;
  double jitter = 0.2;  // share of the wait, 0..1
};

// All fields are PEM text. Empty root certificates = the system's; a client certificate and key
// turn on mutual TLS.
struct TlsOptions {
  std::string root_certificates;
  std::string client_certificate;
  std::string client_key;
  std::string server_name;  // expected in the certificate, if not the endpoint's host
};

struct ClientOptions {
  // Total time of a call, every retry included. A call's own `timeout` takes precedence.
  absl::Duration timeout = absl::Seconds(30);
  RetryPolicy retry;
  std::optional<TlsOptions> tls;  // absent = plain text
  // A document of more than this many bytes, or of unknown size, is sent in pieces of this size.
  std::int64_t chunk_bytes = 256 * 1024;
  // A silent connection is probed after this long; InfiniteDuration() = never.
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  std::string user_agent;                                     // put before "strata-cpp/VERSION"
  std::vector<std::pair<std::string, std::string>> metadata;  // sent with every call
};

struct SoundEvent;

// Which events of a sound are told.
struct SoundEventOptions {
  float threshold = 0.5F;    // a class is heard where its score reaches this; above 0, at most 1
  double max_pause_s = 0.5;  // shorter pauses do not end an event
  double min_event_s = 0;    // shorter events are not told
  // Neighbouring windows share this much, and each moment is taken from the window in which it lies
  // further from the border; at most half a window.
  double overlap_s = 0;
};

struct ClassifyOptions {
  std::string model;            // empty = the first one that is served
  std::int32_t top_k = 0;       // this many best labels; 0 = all
  bool explain = false;         // also how much every section and sentence counted
  std::int64_t max_tokens = 0;  // 0 = no limit of the caller's
  Truncation truncation = Truncation::kReject;
  std::optional<absl::Duration> timeout;  // absent = ClientOptions::timeout
  // Of a sound: also what is heard when. INVALID_ARGUMENT with a model that hears no sounds.
  std::optional<SoundEventOptions> events;
  // Called as events end, each once, on a thread of the SDK, one call at a time, before Classify
  // returns; the result has them all. ClassifyMany does not call it.
  std::function<void(const SoundEvent&)> on_event;
};

struct EmbedOptions {
  std::string model;
  std::vector<EmbeddingLevel> levels = {EmbeddingLevel::kDocument};
  bool normalize = false;  // scale each vector to length 1
  // Text in front that the anchors of the document and its sections see: a question, or a mode
  // token such as "<S2S>". For models that have a place for it.
  std::string query;
  std::int64_t max_tokens = 0;
  Truncation truncation = Truncation::kReject;
  std::optional<absl::Duration> timeout;
};

// Where a summary's text comes from. kAuto: abstractive if the model writes, else extractive.
enum class SummaryMethod : std::uint8_t { kAuto, kExtractive, kAbstractive };

// How an abstractive summary is written. What is absent is as the model's own generation settings
// say; meanings are those of transformers' generate().
struct WritingOptions {
  std::optional<std::int32_t> max_new_tokens;  // at most what the model was made for
  std::optional<std::int32_t> min_new_tokens;
  std::optional<std::int32_t> num_beams;  // 1: token by token; more: the best of so many
  std::optional<std::int32_t> no_repeat_ngram_size;
  std::optional<double> length_penalty;      // beams: the score is divided by length^penalty
  std::optional<double> repetition_penalty;  // above 1: what is there already is less likely
  bool sample = false;                       // draw tokens instead of taking the best
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<std::int32_t> top_k;
  std::uint64_t seed = 0;  // the same seed draws the same text
};

struct SummarizeOptions {
  std::string model;
  SummaryMethod method = SummaryMethod::kAuto;
  // Extractive: a budget; 0 = no limit, both 0 = three sentences.
  std::int32_t max_words = 0;
  std::int32_t max_sentences = 0;
  double max_similarity = 0.7;  // 0..1; a sentence more like one already taken is left out
  WritingOptions writing;       // abstractive
  std::string query;            // as in EmbedOptions
  std::int64_t max_tokens = 0;
  Truncation truncation = Truncation::kReject;
  std::optional<absl::Duration> timeout;
};

struct MatchOptions {
  std::string model;
  std::int32_t top_k = 0;        // this many best candidates; 0 = all
  std::int32_t block_pairs = 0;  // for each of them this many pairs of blocks that are most alike
  std::int64_t max_tokens = 0;   // of one document
  Truncation truncation = Truncation::kReject;
  std::optional<absl::Duration> timeout;
};

struct TokenizeOptions {
  std::string model;
  std::optional<absl::Duration> timeout;
};

struct InspectOptions {
  bool include_tokens = false;  // also the tokens of headings and sentences, as nodes below them
  std::string model;            // whose tokenizer; empty = the first one that is served
  std::optional<absl::Duration> timeout;
};

struct ClassifyManyOptions {
  ClassifyOptions classify;  // its timeout is not used: see document_timeout
  int max_in_flight = 64;    // documents sent and not yet answered
  std::int64_t max_in_flight_bytes = std::int64_t{64} << 20;  // of these; one may exceed it alone
  // From the moment a document is taken from the source until its answer, every retry included.
  absl::Duration document_timeout = absl::Minutes(10);
  // More patient than a single call: a service that restarts should not fail a long job.
  RetryPolicy retry = {30, absl::Milliseconds(200), absl::Seconds(5), 2.0, 0.2};
};

}  // namespace strata

#endif  // STRATA_OPTIONS_H_
