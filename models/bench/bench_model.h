// A base-size model with random weights as a benchmark sees it: a document's shape in, a forward
// pass out.
#ifndef STRATA_MODELS_BENCH_BENCH_MODEL_H_
#define STRATA_MODELS_BENCH_BENCH_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/linear/packed_linear.h"

namespace strata::models {

// Sections, each a list of sentence lengths in content tokens (anchors and the like not counted).
using DocumentShape = std::vector<std::vector<int32_t>>;

// Ids that walk through 1000 ... 1000 + range - 1, past a vocabulary's special tokens, the same
// each time.
class BenchIds {
 public:
  explicit BenchIds(int32_t range) : range_(static_cast<uint32_t>(range)) {}
  int32_t Next() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<int32_t>(1000 + (state_ >> 8) % range_);
  }

 private:
  const uint32_t range_;
  uint32_t state_ = 1;
};

// What one pass took in and what it had to compute.
struct BenchWork {
  int64_t rows = 0;         // tokens that the model computes, anchors included
  double linear_flops = 0;  // two for a multiply-add
  double attention_flops = 0;
};

class BenchModel {
 public:
  virtual ~BenchModel() = default;
  // Token ids of the shapes in, last hidden states out, as one packed batch. Ids are the same in
  // every pass.
  virtual absl::StatusOr<BenchWork> Run(absl::Span<const DocumentShape> documents) const = 0;
  virtual int64_t weight_bytes() const = 0;
};

// `name`: "hat" or "hdt". INVALID_ARGUMENT lists the names.
absl::StatusOr<std::unique_ptr<BenchModel>> MakeBenchModel(const std::string& name,
                                                           kernels::WeightType type);

// HAT base, the released interleaved layout: 12 layers inside segments, 4 across, 768 wide.
absl::StatusOr<std::unique_ptr<BenchModel>> MakeHatBenchModel(kernels::WeightType type);
// HDT-E base: 12 layers, 768 wide.
absl::StatusOr<std::unique_ptr<BenchModel>> MakeHdtBenchModel(kernels::WeightType type);

}  // namespace strata::models

#endif  // STRATA_MODELS_BENCH_BENCH_MODEL_H_
