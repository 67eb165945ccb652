// Vectors of documents (or of their sections or sentences) in a folder, to be searched by cosine:
// exactly, row by row, or by a graph that looks at few of them.
//
// The folder: vectors.safetensors ("vectors", float32 [N, D], each of length 1; what the index is
// stands in its metadata), entries.jsonl (a line a row: whose vector it is), graph.hnsw.
#ifndef STRATA_MODELS_SEARCH_VECTOR_INDEX_H_
#define STRATA_MODELS_SEARCH_VECTOR_INDEX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/checkpoint/tensor_map.h"
#include "models/document/byte_span.h"
#include "models/search/vector_graph.h"

namespace strata::models {

// Whose vector a row is.
struct VectorEntry {
  std::string id;   // of the document
  ByteSpan source;  // in its bytes
};

struct VectorIndexContent {
  std::string model;  // that made the vectors
  std::string level;  // "document", "section", "sentence"
  int32_t dimension = 0;
  std::vector<float> vectors;  // [N, dimension]; of any length
  std::vector<VectorEntry> entries;
};

// Immutable; thread-safe.
class VectorIndex {
 public:
  // Scales the vectors to length 1, builds the graph, and writes the folder, which appears whole or
  // not at all; it must not exist yet or be empty (FAILED_PRECONDITION). INVALID_ARGUMENT: no
  // vector, one that is not finite, sizes that do not agree. `added` as in VectorGraph::Build.
  static absl::Status Write(VectorIndexContent content, const std::string& folder,
                            const std::function<bool(int64_t)>& added);
  // FAILED_PRECONDITION: Write() would refuse the folder.
  static absl::Status CheckOutput(const std::string& folder);
  // NOT_FOUND, INVALID_ARGUMENT (not an index), DATA_LOSS (damaged): each names the file. The graph
  // is read when it is first searched.
  static absl::StatusOr<std::shared_ptr<const VectorIndex>> Open(const std::string& folder);

  const std::string& model() const { return model_; }
  const std::string& level() const { return level_; }
  int32_t dimension() const { return dimension_; }
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  const VectorEntry& entry(int64_t row) const { return entries_[static_cast<size_t>(row)]; }

  // The `count` rows most alike to `query` [dimension], most alike first, equal ones by row. The
  // query's length does not matter. INVALID_ARGUMENT: another dimension, a count below 1.
  absl::StatusOr<std::vector<VectorHit>> SearchExactly(absl::Span<const float> query,
                                                       int32_t count) const;
  // The same by the graph; `effort` of at least 1 as in VectorGraph::Search.
  absl::StatusOr<std::vector<VectorHit>> SearchByGraph(absl::Span<const float> query, int32_t count,
                                                       int32_t effort) const;

 private:
  VectorIndex() = default;
  absl::StatusOr<std::vector<float>> UnitQuery(absl::Span<const float> query, int32_t count) const;
  absl::Status LoadGraph() const;

  std::string folder_, model_, level_;
  int32_t dimension_ = 0;
  TensorView vectors_;
  std::vector<VectorEntry> entries_;
  uint32_t graph_checksum_ = 0;

  mutable std::mutex mutex_;  // guards graph_ until it is read
  mutable std::unique_ptr<const VectorGraph> graph_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_SEARCH_VECTOR_INDEX_H_
