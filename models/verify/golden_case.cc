#include "models/verify/golden_case.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/model_weights.h"
#include "models/checkpoint/safetensors.h"
#include "models/layers/tensor_bridge.h"

namespace strata::models {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// In terms of the absolute tolerance: a difference d of a value e counts as
// d · absolute / (absolute + relative · |e|).
double LargestDifference(const at::Tensor& actual, const at::Tensor& expected,
                         const Tolerance& tolerance = {.absolute = 0}) {
  if (actual.sizes() != expected.sizes()) return kInfinity;
  if (actual.numel() == 0) return 0;
  const at::Tensor want = expected.to(at::kDouble);
  const at::Tensor have = actual.to(at::kDouble);
  // Infinity less infinity is no number; a token that both ban is no difference.
  at::Tensor difference = (have - want).abs().masked_fill(have == want, 0.0);
  if (!difference.isfinite().all().item<bool>()) return kInfinity;
  if (tolerance.relative > 0) {
    difference =
        difference * tolerance.absolute / (tolerance.absolute + tolerance.relative * want.abs());
  }
  return difference.max().item<double>();
}

}  // namespace

absl::StatusOr<GoldenCase> GoldenCase::Read(const std::string& folder) {
  namespace fs = std::filesystem;
  GoldenCase golden;
  golden.folder = folder;
  auto description = golden.ReadText("case.json");
  if (!description.ok()) return description.status();
  golden.description = nlohmann::json::parse(*description, nullptr, false);
  if (!golden.description.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(folder, "/case.json: not a JSON object"));
  }
  auto config = golden.ReadText("config.json");
  if (!config.ok()) return config.status();
  golden.config_json = *std::move(config);
  // A case of a front end has no weights; one of a model says which weight it misses.
  if (auto weights = ReadModelWeights(folder); weights.ok()) {
    golden.weights = *std::move(weights);
  } else if (!absl::IsNotFound(weights.status())) {
    return weights.status();
  }
  // A list of encoded files; some cases say in words which of their weight files are the same.
  const nlohmann::json files = golden.description.value("files", nlohmann::json::array());
  for (const nlohmann::json& name : files.is_array() ? files : nlohmann::json::array()) {
    GoldenFile& file = golden.files.emplace_back();
    file.name = name.get<std::string>();
    auto bytes = golden.ReadText(file.name);
    if (!bytes.ok()) return bytes.status();
    file.bytes = *std::move(bytes);
  }
  auto input = ReadSafetensors((fs::path(folder) / "input.safetensors").string());
  if (!input.ok()) return input.status();
  golden.input = *std::move(input);
  auto output = ReadSafetensors((fs::path(folder) / "output.safetensors").string());
  if (!output.ok()) return output.status();
  golden.output = *std::move(output);
  return golden;
}

absl::StatusOr<std::string> GoldenCase::ReadText(const std::string& name) const {
  std::ifstream stream(std::filesystem::path(folder) / name, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(folder, " holds no ", name));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::string GoldenCase::class_name() const {
  if (description.contains("class")) return description["class"].get<std::string>();
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, false);
  if (!config.is_object()) return "";
  return config.value("model_type", config.value("architecture", std::string()));
}

Tolerance GoldenCase::tolerance() const {
  Tolerance tolerance;
  tolerance.absolute = description.value("tolerance_abs", tolerance.absolute);
  if (const auto given = description.find("tolerance");
      given != description.end() && given->is_object()) {
    tolerance.absolute = given->value("atol", tolerance.absolute);
    tolerance.relative = given->value("rtol", tolerance.relative);
  }
  return tolerance;
}

absl::StatusOr<at::Tensor> GoldenCase::Input(const std::string& name) const {
  return Find(input, "input.safetensors", name);
}

absl::StatusOr<at::Tensor> GoldenCase::Output(const std::string& name) const {
  return Find(output, "output.safetensors", name);
}

absl::StatusOr<at::Tensor> GoldenCase::Find(const TensorMap& tensors, const char* file,
                                            const std::string& name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, "/", file, " has no tensor '", name, "'"));
  }
  return ToTensor(found->second);
}

void Comparison::Compare(const std::string& name, const at::Tensor& actual,
                         const at::Tensor& rows) {
  const auto found = golden_.output.find(name);
  if (found == golden_.output.end()) return;
  at::Tensor expected = ToTensor(found->second);
  at::Tensor ours = actual.detach();
  if (ours.sizes() == expected.sizes() && rows.defined()) {
    ours = ours.index({rows});
    expected = expected.index({rows});
  }
  CompareTo(name, ours, expected, golden_.tolerance());
}

void Comparison::CompareTo(const std::string& name, const at::Tensor& actual,
                           const at::Tensor& expected, const Tolerance& tolerance) {
  compared_.insert(name);
  outputs_.push_back(
      {name, LargestDifference(actual.detach(), expected, tolerance), tolerance.absolute});
}

void Comparison::CompareExactly(const std::string& name, const at::Tensor& actual,
                                const at::Tensor& expected) {
  compared_.insert(name);
  outputs_.push_back({name, LargestDifference(actual, expected), 0});
}

VerifyResult Comparison::Finish() const {
  VerifyResult result;
  result.outputs = outputs_;
  result.tolerance = golden_.tolerance().absolute;
  result.pass = !outputs_.empty();
  for (const VerifyOutput& output : outputs_) {
    if (output.tolerance > 0)
      result.max_abs_error = std::max(result.max_abs_error, output.max_abs_error);
    result.pass &= output.pass();
  }
  for (const auto& [name, view] : golden_.output) {
    if (compared_.contains(name)) continue;
    result.pass = false;
    result.status = absl::UnimplementedError(
        absl::StrCat("class ", golden_.class_name(), ": nothing computes the output '", name, "'"));
    break;
  }
  return result;
}

}  // namespace strata::models
