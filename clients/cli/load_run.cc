#include "clients/cli/load_run.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "strata/error.h"

namespace strata::cli {
namespace {

constexpr absl::Duration kShortest = absl::Microseconds(10);
constexpr double kGrowth = 1.02;

// One run; each of its threads has one call out at a time.
class Load {
 public:
  Load(const Client& client, const std::vector<DocumentInput>& documents,
       const LoadOptions& options)
      : client_(client), documents_(documents), options_(options), begin_(absl::Now()) {}

  void Work() {
    while (true) {
      const std::int64_t number = next_++;
      bool late = false;
      if (options_.rate > 0) {
        const absl::Time due = begin_ + absl::Seconds(static_cast<double>(number) / options_.rate);
        if (due >= begin_ + options_.length) return;
        const absl::Time now = absl::Now();
        late = now > due + absl::Milliseconds(10);
        absl::SleepFor(due - now);
      } else if (absl::Now() >= begin_ + options_.length) {
        return;
      }
      Call(number, late);
    }
  }

  // What has come in since the last time.
  LoadCounts TakeWindow() {
    std::lock_guard<std::mutex> lock(mutex_);
    const absl::Time now = absl::Now();
    window_.seconds = absl::ToDoubleSeconds(now - window_begin_);
    window_begin_ = now;
    return std::exchange(window_, LoadCounts());
  }

  bool over() const { return absl::Now() >= begin_ + options_.length; }

 private:
  void Call(std::int64_t number, bool late) {
    const DocumentInput& document =
        documents_[static_cast<std::size_t>(number) % documents_.size()];
    const bool embed = IsOneOf(number, options_.embed_share);
    const bool cancel = IsOneOf(number + 1, options_.cancel_share);
    const absl::Duration timeout = cancel ? absl::Milliseconds(1 + number % 7) : options_.timeout;
    const absl::Time sent = absl::Now();
    absl::Status status;
    if (embed) {
      EmbedOptions options;
      options.model = options_.model;
      options.levels = {EmbeddingLevel::kSentence, EmbeddingLevel::kDocument};
      options.timeout = timeout;
      status = client_.Embed(document, options).status();
    } else {
      ClassifyOptions options;
      options.model = options_.model;
      options.timeout = timeout;
      status = client_.Classify(document, options).status();
    }
    const absl::Duration time = absl::Now() - sent;
    std::lock_guard<std::mutex> lock(mutex_);
    window_.late += late;
    if (status.ok()) {
      ++window_.ok;
      window_.bytes += document.size_bytes().value_or(0);
      window_.times.Add(time);
      return;
    }
    if (cancel && absl::IsDeadlineExceeded(status)) {
      ++window_.given_up;
      return;
    }
    const bool refused = absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
    ++(refused ? window_.refused : window_.failed);
    if (refused && RetryDelay(status).has_value()) ++window_.hinted;
    ++window_.errors[absl::StrCat(std::string(absl::StatusCodeToString(status.code())), " ",
                                  ErrorReason(status))];
  }

  // `share` of all numbers, evenly.
  static bool IsOneOf(std::int64_t number, double share) {
    return std::floor(static_cast<double>(number + 1) * share) >
           std::floor(static_cast<double>(number) * share);
  }

  const Client& client_;
  const std::vector<DocumentInput>& documents_;
  const LoadOptions& options_;
  const absl::Time begin_;
  std::atomic<std::int64_t> next_{0};

  std::mutex mutex_;
  LoadCounts window_;
  absl::Time window_begin_ = begin_;
};

}  // namespace

LoadCounts RunLoad(const Client& client, const std::vector<DocumentInput>& documents,
                   const LoadOptions& options,
                   absl::FunctionRef<void(const LoadCounts& window)> on_window) {
  Load load(client, documents, options);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.in_flight; ++i) threads.emplace_back([&load] { load.Work(); });
  LoadCounts total;
  while (!load.over()) {
    absl::SleepFor(options.window);
    const LoadCounts window = load.TakeWindow();
    total.Add(window);
    on_window(window);
  }
  for (std::thread& thread : threads) thread.join();
  total.Add(load.TakeWindow());
  return total;
}

void LoadCounts::Add(const LoadCounts& other) {
  seconds += other.seconds;
  ok += other.ok;
  refused += other.refused;
  hinted += other.hinted;
  given_up += other.given_up;
  failed += other.failed;
  late += other.late;
  bytes += other.bytes;
  for (const auto& [error, count] : other.errors) errors[error] += count;
  times.Add(other.times);
}

void TimeHistogram::Add(absl::Duration time) {
  const double bucket =
      std::log(absl::FDivDuration(std::max(time, kShortest), kShortest)) / std::log(kGrowth);
  ++counts_[static_cast<std::size_t>(std::min<double>(bucket, kNumBuckets - 1))];
  ++num_;
}

void TimeHistogram::Add(const TimeHistogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  num_ += other.num_;
}

absl::Duration TimeHistogram::Quantile(double share) const {
  std::int64_t left = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(num_)));
  if (left <= 0) return absl::ZeroDuration();
  std::size_t bucket = 0;
  while ((left -= counts_[bucket]) > 0) ++bucket;
  return kShortest * std::pow(kGrowth, static_cast<double>(bucket) + 0.5);
}

}  // namespace strata::cli
