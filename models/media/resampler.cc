#include "models/media/resampler.h"

#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

class PassThrough : public Resampler {
 public:
  absl::Status Push(absl::Span<const float> in, std::vector<float>& out) override {
    out.insert(out.end(), in.begin(), in.end());
    return absl::OkStatus();
  }
  absl::Status Finish(std::vector<float>&) override { return absl::OkStatus(); }
};

class SoxrResampler : public Resampler {
 public:
  SoxrResampler(int32_t source_rate, int32_t target_rate)
      : ratio_(static_cast<double>(target_rate) / source_rate) {
    soxr_error_t error = nullptr;
    const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
    soxr_ = soxr_create(source_rate, target_rate, 1, &error, &io, &quality, &runtime);
    if (error != nullptr) error_ = error;
  }
  ~SoxrResampler() override { soxr_delete(soxr_); }
  SoxrResampler(const SoxrResampler&) = delete;
  SoxrResampler& operator=(const SoxrResampler&) = delete;

  const char* error() const { return error_; }

  absl::Status Push(absl::Span<const float> in, std::vector<float>& out) override {
    num_in_ += static_cast<int64_t>(in.size());
    while (!in.empty()) {
      size_t taken = 0;
      absl::Status status = Process(in.data(), in.size(), &taken, out);
      if (!status.ok()) return status;
      in.remove_prefix(taken);
    }
    return absl::OkStatus();
  }

  absl::Status Finish(std::vector<float>& out) override {
    // As librosa counts, rounding of the ratio included.
    const auto total = static_cast<int64_t>(std::ceil(static_cast<double>(num_in_) * ratio_));
    for (int64_t before = -1; before != num_out_;) {
      before = num_out_;
      absl::Status status = Process(nullptr, 0, nullptr, out);
      if (!status.ok()) return status;
    }
    // libsoxr rounds the number of samples where librosa takes the next one up.
    const int64_t missing = total - num_out_;
    out.resize(static_cast<size_t>(static_cast<int64_t>(out.size()) + missing));
    num_out_ = total;
    return absl::OkStatus();
  }

 private:
  absl::Status Process(const float* in, size_t size, size_t* taken, std::vector<float>& out) {
    constexpr size_t kRoom = 8192;
    const size_t begin = out.size();
    out.resize(begin + kRoom);
    size_t made = 0;
    const soxr_error_t error =
        soxr_process(soxr_, in, size, taken, out.data() + begin, kRoom, &made);
    out.resize(begin + made);
    num_out_ += static_cast<int64_t>(made);
    if (error != nullptr) return absl::InternalError(absl::StrCat("libsoxr: ", error));
    return absl::OkStatus();
  }

  const double ratio_;
  soxr_t soxr_ = nullptr;
  const char* error_ = nullptr;
  int64_t num_in_ = 0, num_out_ = 0;
};

// A polyphase filter. With o, n the rates over their common divisor and b = 0.99·min(o, n), output
// j = q·n + a is the sum over taps k of in[q·o + k] · g((k/o − a/n)·b),
// g(t) = (b/o) · sinc(t) · cos²(πt/12) for |t| < 6. Samples outside the sound are 0.
//
// torchaudio computes the taps in float32, operation by operation as Tap does; their rounding is
// within reach of a log-mel spectrogram's quiet bands, so it is part of the definition.
class SincHannResampler : public Resampler {
 public:
  static constexpr double kZeroCrossings = 6, kRolloff = 0.99;

  SincHannResampler(int64_t o, int64_t n) : o_(o), n_(n) {
    const double base = kRolloff * static_cast<double>(std::min(o, n));
    const double reach = kZeroCrossings * static_cast<double>(o) / base;
    num_taps_ = static_cast<int64_t>(2 * std::ceil(reach)) + 1;
    first_tap_.resize(static_cast<size_t>(n));
    taps_.resize(static_cast<size_t>(n * num_taps_));
    for (int64_t a = 0; a < n; ++a) {
      const double centre = static_cast<double>(a * o) / static_cast<double>(n);
      const auto first = static_cast<int64_t>(std::ceil(centre - reach));
      first_tap_[static_cast<size_t>(a)] = first;
      for (int64_t i = 0; i < num_taps_; ++i) {
        taps_[static_cast<size_t>(a * num_taps_ + i)] = Tap(a, first + i, base);
      }
    }
    history_begin_ = first_tap_.front();
    history_.assign(static_cast<size_t>(-history_begin_), 0.0F);
  }

  absl::Status Push(absl::Span<const float> in, std::vector<float>& out) override {
    num_in_ += static_cast<int64_t>(in.size());
    history_.insert(history_.end(), in.begin(), in.end());
    Emit(/*last=*/-1, out);
    return absl::OkStatus();
  }

  absl::Status Finish(std::vector<float>& out) override {
    const int64_t total = (num_in_ * n_ + o_ - 1) / o_;
    history_.resize(history_.size() + static_cast<size_t>(num_taps_ + o_), 0.0F);
    Emit(total, out);
    return absl::OkStatus();
  }

 private:
  float Tap(int64_t phase, int64_t tap, double base) const {
    constexpr auto kReach = static_cast<float>(kZeroCrossings);
    constexpr auto kPi = std::numbers::pi_v<float>;
    float t = static_cast<float>(-phase) / static_cast<float>(n_) +
              static_cast<float>(tap) / static_cast<float>(o_);
    t = std::clamp(t * static_cast<float>(base), -kReach, kReach);
    const float cosine = std::cos(t * kPi / kReach / 2);
    t *= kPi;
    const float sinc = t == 0 ? 1 : std::sin(t) / t;
    return sinc * (cosine * cosine * static_cast<float>(base / static_cast<double>(o_)));
  }

  // Every output whose taps are all there; up to `last` outputs in all, if that is not negative.
  void Emit(int64_t last, std::vector<float>& out) {
    const int64_t history_end = history_begin_ + static_cast<int64_t>(history_.size());
    while (last < 0 || num_out_ < last) {
      const int64_t a = num_out_ % n_;
      const int64_t begin = num_out_ / n_ * o_ + first_tap_[static_cast<size_t>(a)];
      if (begin + num_taps_ > history_end) break;
      const float* in = history_.data() + (begin - history_begin_);
      const float* taps = taps_.data() + a * num_taps_;
      double sum = 0;
      for (int64_t i = 0; i < num_taps_; ++i) sum += static_cast<double>(in[i]) * taps[i];
      out.push_back(static_cast<float>(sum));
      ++num_out_;
    }
    // Drop what no later output reaches back to.
    const int64_t needed = num_out_ / n_ * o_ + first_tap_.front();
    const int64_t unused =
        std::clamp<int64_t>(needed - history_begin_, 0, static_cast<int64_t>(history_.size()));
    history_.erase(history_.begin(), history_.begin() + unused);
    history_begin_ += unused;
  }

  const int64_t o_, n_;
  int64_t num_taps_ = 0;
  std::vector<int64_t> first_tap_;  // [n] by phase
  std::vector<float> taps_;         // [n, num_taps]
  std::vector<float> history_;      // input from history_begin_ on
  int64_t history_begin_ = 0;
  int64_t num_in_ = 0, num_out_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Resampler>> Resampler::Create(ResampleMethod method,
                                                             int32_t source_rate,
                                                             int32_t target_rate) {
  if (source_rate <= 0 || target_rate <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot resample from ", source_rate, " Hz to ", target_rate, " Hz"));
  }
  if (source_rate == target_rate) return std::make_unique<PassThrough>();
  if (method == ResampleMethod::kSoxrHq) {
    auto resampler = std::make_unique<SoxrResampler>(source_rate, target_rate);
    if (resampler->error() != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("cannot resample from ", source_rate,
                                                     " Hz to ", target_rate,
                                                     " Hz: ", resampler->error()));
    }
    return resampler;
  }
  const int64_t divisor = std::gcd(source_rate, target_rate);
  const int64_t o = source_rate / divisor, n = target_rate / divisor;
  // Taps of all phases: n · 2·6·max(1, o/n)/0.99 floats.
  if (13 * std::max(o, n) > (int64_t{64} << 20) / static_cast<int64_t>(sizeof(float))) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "resampling from ", source_rate, " Hz to ", target_rate, " Hz would need a filter of ", o,
        "/", n, "; their common divisor is too small"));
  }
  return std::make_unique<SincHannResampler>(o, n);
}

}  // namespace strata::models
