#include "models/layers/weight_binder.h"

namespace strata::models {

std::string WeightBinder::Named(std::initializer_list<std::string> names) const {
  for (const std::string& name : names) {
    if (Has(name) || Has(name + ".weight") || Has(name + ".bias")) return name;
  }
  return *names.begin();
}

int64_t WeightBinder::SizeOf(const std::string& key, size_t dimension) const {
  const auto found = checkpoint_.find(prefix_ + key);
  if (found == checkpoint_.end() || dimension >= found->second.shape.size()) return 0;
  return found->second.shape[dimension];
}

void WeightBinder::Tensor(at::Tensor& tensor, const std::string& key, std::vector<int64_t> shape,
                          int64_t row_begin) {
  table_.push_back({prefix_ + key, &tensor, row_begin, std::move(shape), /*optional=*/false});
}

void WeightBinder::Linear(models::Linear& linear, const std::string& key, int64_t out, int64_t in,
                          bool has_bias) {
  Rows(linear, {key}, out, in, has_bias);
}

void WeightBinder::Norm(models::Norm& norm, const std::string& key, int64_t size) {
  Tensor(norm.weight, key + ".weight", {size});
  Tensor(norm.bias, key + ".bias", {size});
}

void WeightBinder::Rows(models::Linear& linear, const std::vector<std::string>& keys, int64_t out,
                        int64_t in, bool has_bias) {
  int64_t row = 0;
  for (const std::string& key : keys) {
    Tensor(linear.weight, key + ".weight", {out, in}, row);
    if (has_bias) Tensor(linear.bias, key + ".bias", {out}, row);
    row += out;
  }
}

absl::Status WeightBinder::Load(const std::function<bool(const std::string& key)>& ignored,
                                const std::string& where) {
  return LoadNewWeights(table_, checkpoint_, ignored, where);
}

}  // namespace strata::models
