#include "models/train/run_state.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "models/layers/tensor_bridge.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using Json = nlohmann::json;

std::string StatePath(const std::string& folder) {
  return (std::filesystem::path(folder) / "run_state.safetensors").string();
}

// FNV-1a, 64 bit: tells a changed file or option, not an attack.
void HashBytes(const std::string& bytes, uint64_t& hash) {
  for (unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3u;
}

absl::Status HashFile(const std::string& path, uint64_t& hash) {
  if (path.empty()) return absl::OkStatus();
  if (std::filesystem::is_directory(path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder; name the file in it"));
  }
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  HashBytes(std::string(std::istreambuf_iterator<char>(stream), {}), hash);
  return absl::OkStatus();
}

Json ToJson(const EpochReport& report) {
  return {{"epoch", report.epoch},
          {"train_loss", report.train_loss},
          {"held_out_accuracy", report.held_out_accuracy},
          {"held_out_macro_f1", report.held_out_macro_f1},
          {"held_out_log_loss", report.held_out_log_loss},
          {"seconds", report.seconds},
          {"is_best", report.is_best}};
}

EpochReport FromJson(const Json& json) {
  EpochReport report;
  report.epoch = json.value("epoch", 0);
  report.train_loss = json.value("train_loss", 0.0);
  report.held_out_accuracy = json.value("held_out_accuracy", 0.0);
  report.held_out_macro_f1 = json.value("held_out_macro_f1", 0.0);
  report.held_out_log_loss = json.value("held_out_log_loss", 0.0);
  report.seconds = json.value("seconds", 0.0);
  report.is_best = json.value("is_best", false);
  return report;
}

}  // namespace

absl::StatusOr<std::string> RunFingerprint(const TrainOptions& options) {
  const TrainArchitecture& a = options.architecture;
  const TrainRecipe& r = options.recipe;
  const Json settings = {a.vocab_size,
                         a.d_model,
                         a.d_kv,
                         a.d_ff,
                         a.num_layers,
                         a.num_heads,
                         a.feed_forward_proj,
                         r.epochs,
                         r.batch_documents,
                         r.learning_rate,
                         r.warmup_share,
                         r.weight_decay,
                         r.beta1,
                         r.beta2,
                         r.max_gradient_norm,
                         r.label_smoothing,
                         r.sentence_loss,
                         r.dropout,
                         r.head_dropout,
                         r.sentence_share,
                         r.token_dropout,
                         r.embedding_std,
                         r.patience,
                         r.seed,
                         options.held_out_share};
  uint64_t hash = 0xcbf29ce484222325u;
  HashBytes(settings.dump(), hash);
  for (const std::string& path :
       {options.train_path, options.held_out_path, options.tokenizer_path}) {
    if (absl::Status status = HashFile(path, hash); !status.ok()) return status;
  }
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
}

absl::Status SaveRunState(const std::string& folder, const std::string& fingerprint,
                          const RunState& state) {
  Json run = {{"epoch", state.epoch}, {"step", state.step}, {"best_epoch", state.best_epoch}};
  run["reports"] = Json::array();
  for (const EpochReport& report : state.reports) run["reports"].push_back(ToJson(report));
  return WriteSafetensors(StatePath(folder), state.tensors,
                          {{"fingerprint", fingerprint}, {"run", run.dump()}});
}

absl::StatusOr<RunState> LoadRunState(const std::string& folder, const std::string& fingerprint) {
  std::map<std::string, std::string> metadata;
  auto tensors = ReadSafetensors(StatePath(folder), &metadata);
  if (!tensors.ok()) return tensors.status();
  if (metadata["fingerprint"] != fingerprint) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder,
                     " holds a run with other options or data; give the same ones to go on, "
                     "or another folder"));
  }
  const Json run = Json::parse(metadata["run"], nullptr, false);
  if (!run.is_object() || !run.contains("reports") || !run["reports"].is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(StatePath(folder), ": its metadata is broken"));
  }
  RunState state;
  state.epoch = run.value("epoch", 0);
  state.step = run.value("step", int64_t{0});
  state.best_epoch = run.value("best_epoch", 0);
  for (const Json& report : run["reports"]) state.reports.push_back(FromJson(report));
  state.tensors = *std::move(tensors);
  return state;
}

bool HasRunState(const std::string& folder) {
  std::error_code error;
  return std::filesystem::exists(StatePath(folder), error);
}

void RemoveRunState(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove(StatePath(folder), error);
}

}  // namespace strata::models
