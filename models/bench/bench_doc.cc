// A base-size model, end to end, on documents of given shapes: token ids in, last hidden states
// out, random weights. Prints one JSON line in the form that the peers' benchmarks share:
// tokens_per_s counts content tokens only, peak_rss_mb is the process's, weights included.
//
// Beside that: of_peak is the work that the model needs over what the threads could do at the
// multiply-add peak, measured in the same run, in the processor time that the passes took. It says
// what a quiet machine would show also where other programs run; tokens_per_s does not.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kernels/launch/fma_peak.h"
#include "kernels/launch/target.h"
#include "kernels/launch/thread_pool.h"
#include "models/bench/bench_model.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

struct Flags {
  std::string shapes, lines, dtype = "fp32", model = "hdt";
  int threads = 1, reps = 5, batch = 1;
  double budget = 20;
};

absl::StatusOr<std::vector<DocumentShape>> ReadShapes(const std::string& path,
                                                      const std::string& lines) {
  std::ifstream stream(path);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  std::vector<DocumentShape> all;
  for (std::string line; std::getline(stream, line);) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_array()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", all.size() + 1, ": not a JSON array"));
    }
    all.push_back(json.get<DocumentShape>());
  }
  if (lines.empty()) return all;
  std::vector<DocumentShape> chosen;
  for (const auto& number : absl::StrSplit(lines, ',')) {
    int index = -1;
    if (!absl::SimpleAtoi(number, &index) || index < 0 || index >= static_cast<int>(all.size())) {
      return absl::InvalidArgumentError(absl::StrCat("--lines: '", std::string(number),
                                                     "' is no line of ", path, ", which has ",
                                                     all.size(), " (from 0)"));
    }
    chosen.push_back(all[index]);
  }
  return chosen;
}

double WallSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double ProcessorSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Seconds of processor time that everything on the machine has used, and that the hypervisor took.
struct MachineTime {
  double busy = 0, stolen = 0;
};

MachineTime ReadMachineTime() {
  std::ifstream stat("/proc/stat");
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  stat >> name >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  return {(user + nice + system + irq + softirq + steal) * tick, steal * tick};
}

double PeakRssMb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
}

// To so many decimals.
double Rounded(double value, int decimals) {
  const double factor = std::pow(10.0, decimals);
  return std::round(value * factor) / factor;
}

absl::Status RunBench(const Flags& flags) {
  const std::map<std::string, kernels::WeightType> types = {
      {"fp32", kernels::WeightType::kFloat32},
      {"bf16", kernels::WeightType::kBFloat16},
      {"int8", kernels::WeightType::kInt8}};
  const auto type = types.find(flags.dtype);
  if (type == types.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dtype '", flags.dtype, "' is none of fp32, bf16, int8"));
  }
  auto documents = ReadShapes(flags.shapes, flags.lines);
  if (!documents.ok()) return documents.status();
  const double begin = WallSeconds();
  at::set_num_threads(1);
  kernels::SetNumThreads(flags.threads);
  const c10::InferenceMode inference;
  auto model = MakeBenchModel(flags.model, type->second);
  if (!model.ok()) return model.status();

  int64_t content = 0;
  for (const DocumentShape& document : *documents) {
    for (const auto& section : document) {
      for (int32_t length : section) content += length;
    }
  }
  BenchWork work;
  const auto pass = [&]() -> absl::Status {
    work = BenchWork();
    for (size_t i = 0; i < documents->size(); i += flags.batch) {
      auto done = (*model)->Run(absl::MakeConstSpan(*documents).subspan(i, flags.batch));
      if (!done.ok()) return done.status();
      work.rows += done->rows;
      work.linear_flops += done->linear_flops;
      work.attention_flops += done->attention_flops;
    }
    return absl::OkStatus();
  };

  nlohmann::ordered_json line;
  line["name"] = absl::StrCat("strata-", flags.model);
  line["shapes"] = flags.shapes.substr(flags.shapes.rfind('/') + 1);
  line["docs"] = documents->size();
  line["n_tokens"] = content;
  line["threads"] = flags.threads;
  line["dtype"] = flags.dtype;
  line["batch"] = flags.batch;
  line["load_s"] = Rounded(WallSeconds() - begin, 2);
  const double first = WallSeconds();
  if (absl::Status status = pass(); !status.ok()) return status;
  line["first_s"] = Rounded(WallSeconds() - first, 3);

  std::vector<double> rates, shares;
  double peak = kernels::MeasureFmaPeak(), best_peak = peak;
  const double start = WallSeconds(), own_start = ProcessorSeconds();
  const MachineTime machine_start = ReadMachineTime();
  while (static_cast<int>(rates.size()) < flags.reps) {
    const double wall = WallSeconds(), processor = ProcessorSeconds();
    if (absl::Status status = pass(); !status.ok()) return status;
    rates.push_back(static_cast<double>(content) / (WallSeconds() - wall));
    const double used = ProcessorSeconds() - processor;
    // The clock of a processor changes; what stands before and behind a pass is averaged.
    const double after = kernels::MeasureFmaPeak();
    shares.push_back((work.linear_flops + work.attention_flops) / used / (0.5 * (peak + after)));
    peak = after;
    best_peak = std::max(best_peak, peak);
    if (WallSeconds() - start > flags.budget && rates.size() >= 2) break;
  }
  const double elapsed = WallSeconds() - start;
  const MachineTime machine = ReadMachineTime();
  const double others = machine.busy - machine_start.busy - (ProcessorSeconds() - own_start);
  std::sort(rates.begin(), rates.end());
  std::sort(shares.begin(), shares.end());
  line["others_cores"] = Rounded(std::max(0.0, others) / elapsed, 2);
  line["steal_cores"] = Rounded((machine.stolen - machine_start.stolen) / elapsed, 3);
  line["tokens_per_s"] = {{"min", Rounded(rates.front(), 1)},
                          {"median", Rounded(rates[rates.size() / 2], 1)},
                          {"max", Rounded(rates.back(), 1)}};
  line["reps"] = rates.size();
  line["peak_rss_mb"] = Rounded(PeakRssMb(), 0);
  line["weights_mb"] = Rounded(static_cast<double>((*model)->weight_bytes()) / 1e6, 0);
  line["rows"] = work.rows;
  line["gflop"] = Rounded((work.linear_flops + work.attention_flops) / 1e9, 1);
  line["target"] = kernels::ActiveTargetName();
  line["fma_peak_gflops"] = Rounded(best_peak / 1e9, 1);
  line["of_peak"] = {{"min", Rounded(shares.front(), 3)},
                     {"median", Rounded(shares[shares.size() / 2], 3)},
                     {"max", Rounded(shares.back(), 3)}};
  std::cout << line.dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace strata::models

int main(int argc, char** argv) {
  strata::models::Flags flags;
  CLI::App app("A model with random weights on documents of given shapes; prints one JSON line");
  app.add_option("--shapes", flags.shapes,
                 "file: one document a line, a JSON array of sections, each an array of sentence "
                 "lengths")
      ->required();
  app.add_option("--lines", flags.lines, "which lines of it, by comma, from 0 (all)");
  app.add_option("--threads", flags.threads)->check(CLI::Range(1, 1024));
  app.add_option("--dtype", flags.dtype, "what the weights are kept as: fp32, bf16, int8");
  app.add_option("--model", flags.model, "hdt");
  app.add_option("--reps", flags.reps, "passes")->check(CLI::Range(1, 1000));
  app.add_option("--budget", flags.budget, "seconds after which no pass is begun (2 at least)");
  app.add_option("--batch", flags.batch, "documents in one pass")->check(CLI::Range(1, 100000));
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = strata::models::RunBench(flags);
  if (status.ok()) return 0;
  std::cerr << "bench_doc: " << status.message() << "\n";
  return 1;
}
