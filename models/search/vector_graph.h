// A graph over unit vectors that finds most of a vector's nearest ones without looking at all:
// hnswlib's hierarchical navigable small world (arXiv 1603.09320).
#ifndef STRATA_MODELS_SEARCH_VECTOR_GRAPH_H_
#define STRATA_MODELS_SEARCH_VECTOR_GRAPH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace strata::models {

// A row of the vectors and how alike it is: the cosine, -1 to 1.
struct VectorHit {
  int64_t row = 0;
  float similarity = 0;
};

// Immutable once made; searches are thread-safe.
class VectorGraph {
 public:
  // vectors [count, dimension], unit length. The same vectors give the same graph. `added` (may be
  // null) is told how many rows are in, now and then; CANCELLED if it says false.
  // RESOURCE_EXHAUSTED.
  static absl::StatusOr<std::unique_ptr<const VectorGraph>> Build(
      const float* vectors, int64_t count, int32_t dimension,
      const std::function<bool(int64_t)>& added);
  // What Save() wrote. The library trusts what it reads: check the file's bytes before.
  // DATA_LOSS: not for `count` vectors of `dimension`.
  static absl::StatusOr<std::unique_ptr<const VectorGraph>> Load(const std::string& path,
                                                                 int64_t count, int32_t dimension);
  virtual ~VectorGraph() = default;

  virtual absl::Status Save(const std::string& path) const = 0;
  // Most alike first. `effort`: candidates that are kept on the way; more find more.
  virtual absl::StatusOr<std::vector<VectorHit>> Search(const float* query, int32_t count,
                                                        int32_t effort) const = 0;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_SEARCH_VECTOR_GRAPH_H_
