// A golden case's files, read, and the record of what was compared.
#ifndef STRATA_MODELS_VERIFY_GOLDEN_CASE_H_
#define STRATA_MODELS_VERIFY_GOLDEN_CASE_H_

#include <ATen/ATen.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/tensor_map.h"
#include "models/verify/verify.h"
#include "nlohmann/json.hpp"

namespace strata::models {

// An output passes where |actual - expected| <= absolute + relative · |expected|.
struct Tolerance {
  double absolute = 1e-4;
  double relative = 0;
};

// An encoded image or sound.
struct GoldenFile {
  std::string name;
  std::string bytes;
};

struct GoldenCase {
  std::string folder;
  nlohmann::json description;  // case.json
  std::string config_json;
  TensorMap weights;  // empty: the case has none
  TensorMap input, output;
  std::vector<GoldenFile> files;  // those that case.json lists, in its order

  // NOT_FOUND or INVALID_ARGUMENT names the file.
  static absl::StatusOr<GoldenCase> Read(const std::string& folder);

  // What the case is of: its "class"; where it gives none the configuration's model_type or, as
  // timm names it, architecture. May be empty.
  std::string class_name() const;
  // "tolerance" with atol and rtol, or "tolerance_abs".
  Tolerance tolerance() const;
  // A file of the case's folder. NOT_FOUND.
  absl::StatusOr<std::string> ReadText(const std::string& name) const;
  // An input tensor; INVALID_ARGUMENT if the case has none of this name.
  absl::StatusOr<at::Tensor> Input(const std::string& name) const;
  absl::StatusOr<at::Tensor> Output(const std::string& name) const;  // likewise

 private:
  absl::StatusOr<at::Tensor> Find(const TensorMap& tensors, const char* file,
                                  const std::string& name) const;
};

// Collects comparisons; at the end every output of the case must have been compared.
class Comparison {
 public:
  explicit Comparison(const GoldenCase& golden) : golden_(golden) {}

  // Largest difference to the expected output `name`, both seen as float64; infinities of one sign
  // are equal. `rows` (may be
  // undefined) selects entries of the leading dimensions: a bool mask. Nothing if the case does not
  // expect `name`.
  void Compare(const std::string& name, const at::Tensor& actual, const at::Tensor& rows = {});
  // The same for values that have a tolerance of their own, reported as `name`.
  void CompareTo(const std::string& name, const at::Tensor& actual, const at::Tensor& expected,
                 const Tolerance& tolerance);
  // Values that must be equal, under a name of their own.
  void CompareExactly(const std::string& name, const at::Tensor& actual,
                      const at::Tensor& expected);
  bool Expects(const std::string& name) const { return golden_.output.contains(name); }

  // The outcome; UNIMPLEMENTED names an expected output that nothing was compared with.
  VerifyResult Finish() const;

 private:
  const GoldenCase& golden_;
  std::vector<VerifyOutput> outputs_;
  std::set<std::string> compared_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_VERIFY_GOLDEN_CASE_H_
