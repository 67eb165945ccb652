// Ties a network's tensors to a checkpoint's names and loads them: the table of weight_table.h,
// built while the network's structure is walked.
//
// Nothing is allocated before every name, shape and type has been checked, so a configuration that
// does not belong to its checkpoint costs nothing. Not thread-safe; the tensors must stay where
// they are until Load.
#ifndef STRATA_MODELS_LAYERS_WEIGHT_BINDER_H_
#define STRATA_MODELS_LAYERS_WEIGHT_BINDER_H_

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/layers/linear.h"
#include "models/layers/transformer_layer.h"
#include "models/layers/weight_table.h"

namespace strata::models {

class WeightBinder {
 public:
  // `prefix` stands in front of every key.
  WeightBinder(const TensorMap& checkpoint, std::string prefix)
      : checkpoint_(checkpoint), prefix_(std::move(prefix)) {}

  bool Has(const std::string& key) const { return checkpoint_.contains(prefix_ + key); }
  // The first of the names that the checkpoint has (with ".weight", ".bias" or nothing behind it);
  // the first of all if it has none. For parts that were renamed in the course of time.
  std::string Named(std::initializer_list<std::string> names) const;
  // Size of a dimension of a tensor, 0 if there is none.
  int64_t SizeOf(const std::string& key, size_t dimension) const;

  // key.
  void Tensor(at::Tensor& tensor, const std::string& key, std::vector<int64_t> shape,
              int64_t row_begin = 0);
  // key.weight [out, in] and key.bias [out].
  void Linear(models::Linear& linear, const std::string& key, int64_t out, int64_t in,
              bool has_bias = true);
  // key.weight [size], key.bias [size].
  void Norm(models::Norm& norm, const std::string& key, int64_t size);
  // Three maps of `in` to `out`, as the rows of one.
  void Rows(models::Linear& linear, const std::vector<std::string>& keys, int64_t out, int64_t in,
            bool has_bias);

  // INVALID_ARGUMENT names the key: missing, wrong shape or type, NaN or infinity inside, or
  // without a place here and not `ignored`. Then nothing was loaded.
  absl::Status Load(const std::function<bool(const std::string& key)>& ignored,
                    const std::string& where);

  // For entries that are added by other hands.
  std::vector<WeightEntry>& table() { return table_; }

 private:
  const TensorMap& checkpoint_;
  const std::string prefix_;
  std::vector<WeightEntry> table_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_WEIGHT_BINDER_H_
