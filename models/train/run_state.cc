#include "models/train/run_state.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

// Empty for no path.
absl::StatusOr<std::string> HashOfFile(const std::string& path) {
  if (path.empty()) return std::string();
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::ErrnoToStatus(errno, path);
  uint64_t hash = 0xcbf29ce484222325u;
  HashBytes(std::string(std::istreambuf_iterator<char>(stream), {}), hash);
  return absl::StrCat(absl::Hex(hash, absl::kZeroPad16));
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

// "epochs was 10, is 12; train_path has another content"; empty if there is none.
std::string Differences(const Json& before, const RunSettings& now) {
  if (!before.is_object()) return "by another version of Strata";
  std::vector<std::string> differences;
  for (const auto& [name, value] : now) {
    const std::string old = before.value(name, std::string());
    if (old == value) continue;
    const bool is_file = name.ends_with("_path");
    differences.push_back(!is_file ? absl::StrCat(name, " was ", old, ", is ", value)
                          : old.empty() || value.empty()
                              ? absl::StrCat(name, old.empty() ? " was" : " is", " not given")
                              : absl::StrCat(name, " has another content"));
  }
  return absl::StrJoin(differences, "; ");
}

}  // namespace

absl::StatusOr<RunSettings> SettingsOf(const TrainOptions& options) {
  const TrainArchitecture& a = options.architecture;
  const TrainMediaArchitecture& m = options.media;
  const TrainRecipe& r = options.recipe;
  const Json values = {{"network", m.network},
                       {"size", m.size},
                       {"patch", m.patch},
                       {"patch_overlap", m.patch_overlap},
                       {"window", m.window},
                       {"dim", m.dim},
                       {"depths", m.depths},
                       {"heads", m.heads},
                       {"sample_rate", m.sample_rate},
                       {"fft_size", m.fft_size},
                       {"hop", m.hop},
                       {"mel_bins", m.mel_bins},
                       {"augment", r.augment},
                       {"mirror", r.mirror},
                       {"mixup", r.mixup},
                       {"task", static_cast<int>(options.task)},
                       {"vocab_size", a.vocab_size},
                       {"d_model", a.d_model},
                       {"d_kv", a.d_kv},
                       {"d_ff", a.d_ff},
                       {"num_layers", a.num_layers},
                       {"num_heads", a.num_heads},
                       {"feed_forward_proj", a.feed_forward_proj},
                       {"epochs", r.epochs},
                       {"batch_documents", r.batch_documents},
                       {"learning_rate", r.learning_rate},
                       {"warmup_share", r.warmup_share},
                       {"weight_decay", r.weight_decay},
                       {"beta1", r.beta1},
                       {"beta2", r.beta2},
                       {"max_gradient_norm", r.max_gradient_norm},
                       {"label_smoothing", r.label_smoothing},
                       {"sentence_loss", r.sentence_loss},
                       {"class_balance", r.class_balance},
                       {"dropout", r.dropout},
                       {"head_dropout", r.head_dropout},
                       {"sentence_share", r.sentence_share},
                       {"token_dropout", r.token_dropout},
                       {"embedding_std", r.embedding_std},
                       {"patience", r.patience},
                       {"seed", r.seed},
                       {"held_out_share", options.held_out_share}};
  RunSettings settings;
  for (const auto& [name, value] : values.items()) settings[name] = value.dump();
  const std::pair<const char*, const std::string&> files[] = {
      {"train_path", options.train_path},
      {"held_out_path", options.held_out_path},
      {"tokenizer_path", options.tokenizer_path}};
  for (const auto& [name, path] : files) {
    auto hash = HashOfFile(path);
    if (!hash.ok()) return hash.status();
    settings[name] = *std::move(hash);
  }
  return settings;
}

absl::Status SaveRunState(const std::string& folder, const RunSettings& settings,
                          const RunState& state) {
  Json run = {{"epoch", state.epoch}, {"step", state.step}, {"best_epoch", state.best_epoch}};
  run["reports"] = Json::array();
  for (const EpochReport& report : state.reports) run["reports"].push_back(ToJson(report));
  return WriteSafetensors(StatePath(folder), state.tensors,
                          {{"settings", Json(settings).dump()}, {"run", run.dump()}});
}

absl::StatusOr<RunState> LoadRunState(const std::string& folder, const RunSettings& settings) {
  std::map<std::string, std::string> metadata;
  auto tensors = ReadSafetensors(StatePath(folder), &metadata);
  if (!tensors.ok()) return tensors.status();
  const std::string differences =
      Differences(Json::parse(metadata["settings"], nullptr, false), settings);
  if (!differences.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder, " holds a run that was begun otherwise: ", differences,
                     "; give the same options and data to go on, or another folder"));
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
