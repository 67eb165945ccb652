// The only file that includes hnswlib: its headers define functions that are not inline.
#include "models/search/vector_graph.h"

#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <exception>
#include <new>

#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Links of a vector on each level but the lowest, and candidates kept while one is put in.
constexpr size_t kLinks = 16, kBuildEffort = 200;
constexpr int64_t kRowsBetweenReports = 256;

using Graph = hnswlib::HierarchicalNSW<float>;

// The library reports by exceptions; none may pass.
template <typename Work>
absl::Status Guarded(const char* what, const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("not enough memory for ", what));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(what, ": ", error.what()));
  }
}

class HnswGraph final : public VectorGraph {
 public:
  explicit HnswGraph(int32_t dimension) : space_(static_cast<size_t>(dimension)) {}

  absl::Status Fill(const float* vectors, int64_t count, int32_t dimension,
                    const std::function<bool(int64_t)>& added) {
    return Guarded("the graph of the vectors", [&] {
      graph_ = std::make_unique<Graph>(&space_, static_cast<size_t>(count), kLinks, kBuildEffort);
      for (int64_t row = 0; row < count; ++row) {
        graph_->addPoint(vectors + row * dimension, static_cast<size_t>(row));
        const bool reports = row + 1 == count || (row + 1) % kRowsBetweenReports == 0;
        if (reports && added && !added(row + 1))
          return absl::CancelledError("indexing was stopped");
      }
      return absl::OkStatus();
    });
  }

  absl::Status Read(const std::string& path, int64_t count) {
    absl::Status status = Guarded("reading the graph", [&] {
      graph_ = std::make_unique<Graph>(&space_, path);
      return absl::OkStatus();
    });
    if (absl::IsInternal(status))
      status = absl::DataLossError(absl::StrCat(path, ": ", status.message()));
    if (!status.ok()) return status;
    if (graph_->cur_element_count != static_cast<size_t>(count) ||
        graph_->label_offset_ != graph_->offsetData_ + space_.get_data_size()) {
      return absl::DataLossError(
          absl::StrCat(path, " is not the graph of these ", count, " vectors"));
    }
    return absl::OkStatus();
  }

  absl::Status Save(const std::string& path) const override {
    return Guarded("writing the graph", [&] {
      graph_->saveIndex(path);
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<VectorHit>> Search(const float* query, int32_t count,
                                                int32_t effort) const override {
    std::vector<VectorHit> hits;
    const absl::Status status = Guarded("searching the graph", [&] {
      // Asked for that many, the library keeps that many on the way; its own setting is not for
      // several threads.
      auto found = graph_->searchKnn(query, static_cast<size_t>(std::max(count, effort)));
      for (; !found.empty(); found.pop()) {
        const auto& [distance, row] = found.top();
        hits.push_back({static_cast<int64_t>(row), 1 - distance});
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    std::sort(hits.begin(), hits.end(), [](const VectorHit& a, const VectorHit& b) {
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.row < b.row;
    });
    hits.resize(std::min(hits.size(), static_cast<size_t>(count)));
    return hits;
  }

 private:
  hnswlib::InnerProductSpace space_;
  std::unique_ptr<Graph> graph_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const VectorGraph>> VectorGraph::Build(
    const float* vectors, int64_t count, int32_t dimension,
    const std::function<bool(int64_t)>& added) {
  auto graph = std::make_unique<HnswGraph>(dimension);
  if (absl::Status status = graph->Fill(vectors, count, dimension, added); !status.ok()) {
    return status;
  }
  return graph;
}

absl::StatusOr<std::unique_ptr<const VectorGraph>> VectorGraph::Load(const std::string& path,
                                                                     int64_t count,
                                                                     int32_t dimension) {
  auto graph = std::make_unique<HnswGraph>(dimension);
  if (absl::Status status = graph->Read(path, count); !status.ok()) return status;
  return graph;
}

}  // namespace strata::models
