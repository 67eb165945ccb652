// How fast a model listens: decodes and scores one file, prints one JSON line.
//
//   audio_bench FOLDER FILE [THREADS [WINDOWS_PER_PASS [REPEATS]]]
//
// With REPEATS the file's samples are listened to that often as one sound; grown_mib is what the
// process grew by from the first repetition to the last.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "models/engine/audio_model.h"
#include "models/engine/engine.h"
#include "models/media/waveform_reader.h"

namespace {

double ResidentMib() {
  std::ifstream status("/proc/self/statm");
  int64_t total = 0, resident = 0;
  status >> total >> resident;
  return static_cast<double>(resident) * 4096 / (1 << 20);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace strata::models;
  if (argc < 3) {
    std::fprintf(stderr, "audio_bench FOLDER FILE [THREADS [WINDOWS_PER_PASS [REPEATS]]]\n");
    return 2;
  }
  const int threads = argc > 3 ? std::atoi(argv[3]) : 1;
  const int repeats = argc > 5 ? std::atoi(argv[5]) : 1;
  ListenOptions options;
  options.windows_per_pass = argc > 4 ? std::atoi(argv[4]) : 1;
  SetComputeThreads(threads);
  auto model = AudioModel::Load(argv[1]);
  if (!model.ok()) return Fail(model.status());
  std::ifstream stream(argv[2], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};

  int64_t events = 0;
  const auto count = [&](const SoundEvent&) { ++events; };
  const bool has_events = !(*model)->info().labels.empty();
  auto listener = (*model)->Listen(
      options, has_events ? SoundEventDetector::Callback(count) : SoundEventDetector::Callback());
  if (!listener.ok()) return Fail(listener.status());
  WaveformOptions wave;
  wave.sample_rate = (*model)->info().sample_rate;
  const auto begin = std::chrono::steady_clock::now();
  double first_mib = 0;
  for (int i = 0; i < repeats; ++i) {
    auto reader = WaveformReader::Open(bytes, wave);
    if (!reader.ok()) return Fail(reader.status());
    std::vector<float> samples;
    for (bool more = true; more;) {
      samples.clear();
      auto result = (*reader)->Read(samples);
      if (!result.ok()) return Fail(result.status());
      more = *result;
      if (absl::Status status = (*listener)->Push(samples); !status.ok()) return Fail(status);
    }
    if (i == 0) first_mib = ResidentMib();
  }
  const double last_mib = ResidentMib();
  auto summary = (*listener)->Finish();
  if (!summary.ok()) return Fail(summary.status());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "{\"audio_s\":%.1f,\"wall_s\":%.3f,\"audio_s_per_s\":%.1f,\"windows\":%lld,\"events\":%lld,"
      "\"threads\":%d,\"windows_per_pass\":%d,\"resident_mib\":%.1f,\"grown_mib\":%.1f}\n",
      summary->seconds, took.count(), summary->seconds / took.count(),
      static_cast<long long>(summary->num_windows), static_cast<long long>(events), threads,
      options.windows_per_pass, last_mib, last_mib - first_mib);
  return 0;
}
