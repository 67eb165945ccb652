#include "models/search/vector_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/crc32c.h"
#include "models/checkpoint/safetensors.h"
#include "models/checkpoint/staged_folder.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kVersion[] = "1";
constexpr char kVectorsFile[] = "vectors.safetensors", kEntriesFile[] = "entries.jsonl",
               kGraphFile[] = "graph.hnsw";

// In lanes, so that the compiler may use vectors; the order is the same for every row.
float Dot(const float* a, const float* b, int64_t size) {
  constexpr int64_t kLanes = 16;
  std::array<float, kLanes> sums = {};
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      sums[static_cast<size_t>(lane)] += a[i + lane] * b[i + lane];
    }
  }
  float sum = 0;
  for (; i < size; ++i) sum += a[i] * b[i];
  for (const float lane : sums) sum += lane;
  return sum;
}

// False if it holds NaN or infinity. A vector of zeros stays one.
bool ScaleToUnit(float* vector, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += double{vector[i]} * vector[i];
  if (!std::isfinite(sum)) return false;
  const double scale = sum > 0 ? 1 / std::sqrt(sum) : 0;
  for (int64_t i = 0; i < size; ++i) vector[i] = static_cast<float>(vector[i] * scale);
  return true;
}

bool IsBefore(const VectorHit& a, const VectorHit& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.row < b.row;
}

absl::Status CheckContent(VectorIndexContent& content) {
  if (content.entries.empty()) return absl::InvalidArgumentError("there is no vector to index");
  if (content.dimension < 1 ||
      content.vectors.size() != content.entries.size() * static_cast<size_t>(content.dimension)) {
    return absl::InvalidArgumentError(absl::StrCat(content.vectors.size(), " numbers are not ",
                                                   content.entries.size(), " vectors of ",
                                                   content.dimension));
  }
  for (size_t row = 0; row < content.entries.size(); ++row) {
    if (!ScaleToUnit(&content.vectors[row * static_cast<size_t>(content.dimension)],
                     content.dimension)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the vector of '", content.entries[row].id, "' is not finite"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> ChecksumOf(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  std::vector<char> buffer(size_t{1} << 20);
  uint32_t crc = 0;
  do {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    crc = Crc32c(reinterpret_cast<const std::byte*>(buffer.data()),
                 static_cast<size_t>(stream.gcount()), crc);
  } while (stream);
  return crc;
}

absl::Status WriteEntries(const std::vector<VectorEntry>& entries, const fs::path& path) {
  std::ofstream stream(path, std::ios::binary);
  for (const VectorEntry& entry : entries) {
    const Json line = {{"id", entry.id}, {"begin", entry.source.begin}, {"end", entry.source.end}};
    stream << line.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  stream.close();
  if (stream) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(path.string(), " cannot be written; is the disk full?"));
}

absl::StatusOr<std::vector<VectorEntry>> ReadEntries(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  std::vector<VectorEntry> entries;
  for (std::string line; std::getline(stream, line);) {
    const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto is_number = [&](const char* name) {
      return json.contains(name) && json[name].is_number_integer();
    };
    if (!json.is_object() || !json.contains("id") || !json["id"].is_string() ||
        !is_number("begin") || !is_number("end")) {
      return absl::DataLossError(absl::StrCat(path.string(), ", line ", entries.size() + 1,
                                              ": not an entry with id, begin and end"));
    }
    entries.push_back({json["id"].get<std::string>(),
                       {json["begin"].get<int64_t>(), json["end"].get<int64_t>()}});
  }
  return entries;
}

}  // namespace

absl::Status VectorIndex::CheckOutput(const std::string& folder) {
  if (folder.empty()) return absl::InvalidArgumentError("the index's folder has no name");
  return CheckOutputFolder(folder);
}

absl::Status VectorIndex::Write(VectorIndexContent content, const std::string& folder,
                                const std::function<bool(int64_t)>& added) {
  absl::Status status = CheckOutput(folder);
  if (status.ok()) status = CheckContent(content);
  if (!status.ok()) return status;
  const auto count = static_cast<int64_t>(content.entries.size());
  auto graph = VectorGraph::Build(content.vectors.data(), count, content.dimension, added);
  if (!graph.ok()) return graph.status();

  auto staged = StagedFolder::Make(folder);
  if (!staged.ok()) return staged.status();
  const fs::path& place = staged->path();
  status = (*graph)->Save((place / kGraphFile).string());
  if (status.ok()) status = WriteEntries(content.entries, place / kEntriesFile);
  if (!status.ok()) return status;
  std::map<std::string, std::string> metadata = {
      {"strata_index", kVersion}, {"model", content.model}, {"level", content.level}};
  for (const char* name : {kGraphFile, kEntriesFile}) {
    const auto crc = ChecksumOf(place / name);
    if (!crc.ok()) return crc.status();
    metadata[absl::StrCat("crc32c ", name)] = absl::StrCat(*crc);
  }
  TensorView view;
  view.type = TensorType::kFloat32;
  view.shape = {count, content.dimension};
  view.data = reinterpret_cast<const std::byte*>(content.vectors.data());
  view.size_bytes = static_cast<int64_t>(content.vectors.size() * sizeof(float));
  status = WriteSafetensors((place / kVectorsFile).string(), {{"vectors", view}}, metadata);
  if (!status.ok()) return status;
  return staged->Publish();
}

absl::StatusOr<std::shared_ptr<const VectorIndex>> VectorIndex::Open(const std::string& folder) {
  const fs::path root(folder);
  const std::string path = (root / kVectorsFile).string();
  std::map<std::string, std::string> metadata;
  auto tensors = ReadSafetensors(path, &metadata);
  if (!tensors.ok()) return tensors.status();
  const auto refuse = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
  };
  if (metadata["strata_index"] != kVersion) {
    return refuse(absl::StrCat("not an index of version ", kVersion));
  }
  const auto found = tensors->find("vectors");
  if (found == tensors->end() || found->second.type != TensorType::kFloat32 ||
      found->second.shape.size() != 2 || found->second.shape[0] < 1 || found->second.shape[1] < 1 ||
      found->second.shape[1] > (1 << 20)) {
    return refuse("holds no float32 'vectors' of two dimensions");
  }
  std::map<std::string, uint32_t> checksums;
  for (const char* name : {kGraphFile, kEntriesFile}) {
    if (!absl::SimpleAtoi(metadata[absl::StrCat("crc32c ", name)], &checksums[name])) {
      return refuse(absl::StrCat("names no checksum of ", name));
    }
  }
  const auto crc = ChecksumOf(root / kEntriesFile);
  if (!crc.ok()) return crc.status();
  if (*crc != checksums[kEntriesFile]) {
    return absl::DataLossError(absl::StrCat((root / kEntriesFile).string(), " is damaged"));
  }
  auto entries = ReadEntries(root / kEntriesFile);
  if (!entries.ok()) return entries.status();
  if (static_cast<int64_t>(entries->size()) != found->second.shape[0]) {
    return absl::DataLossError(absl::StrCat(path, " holds ", found->second.shape[0], " vectors, ",
                                            kEntriesFile, " ", entries->size(), " lines"));
  }
  std::shared_ptr<VectorIndex> index(new VectorIndex());
  index->folder_ = folder;
  index->model_ = metadata["model"];
  index->level_ = metadata["level"];
  index->dimension_ = static_cast<int32_t>(found->second.shape[1]);
  index->vectors_ = found->second;
  index->entries_ = *std::move(entries);
  index->graph_checksum_ = checksums[kGraphFile];
  return index;
}

absl::StatusOr<std::vector<VectorHit>> VectorIndex::SearchExactly(absl::Span<const float> query,
                                                                  int32_t count) const {
  const auto unit = UnitQuery(query, count);
  if (!unit.ok()) return unit.status();
  const auto* vectors = reinterpret_cast<const float*>(vectors_.data);
  const auto most = static_cast<size_t>(count);
  std::vector<VectorHit> hits;  // a heap whose front is the worst
  for (int64_t row = 0; row < size(); ++row) {
    const VectorHit hit{row, Dot(unit->data(), vectors + row * dimension_, dimension_)};
    if (hits.size() == most && !IsBefore(hit, hits.front())) continue;
    if (hits.size() == most) {
      std::pop_heap(hits.begin(), hits.end(), IsBefore);
      hits.pop_back();
    }
    hits.push_back(hit);
    std::push_heap(hits.begin(), hits.end(), IsBefore);
  }
  std::sort(hits.begin(), hits.end(), IsBefore);
  return hits;
}

absl::StatusOr<std::vector<VectorHit>> VectorIndex::SearchByGraph(absl::Span<const float> query,
                                                                  int32_t count,
                                                                  int32_t effort) const {
  if (effort < 1) return absl::InvalidArgumentError("effort must be at least 1");
  const auto unit = UnitQuery(query, count);
  if (!unit.ok()) return unit.status();
  if (absl::Status status = LoadGraph(); !status.ok()) return status;
  const auto all = static_cast<int32_t>(std::min<int64_t>(size(), INT32_MAX));
  return graph_->Search(unit->data(), std::min(count, all), std::min(effort, all));
}

absl::StatusOr<std::vector<float>> VectorIndex::UnitQuery(absl::Span<const float> query,
                                                          int32_t count) const {
  if (static_cast<int64_t>(query.size()) != dimension_) {
    return absl::InvalidArgumentError(absl::StrCat("the query's vector has ", query.size(),
                                                   " numbers, those of the index ", dimension_));
  }
  if (count < 1) return absl::InvalidArgumentError("ask for at least one result");
  std::vector<float> unit(query.begin(), query.end());
  if (!ScaleToUnit(unit.data(), dimension_)) {
    return absl::InvalidArgumentError("the query's vector is not finite");
  }
  return unit;
}

absl::Status VectorIndex::LoadGraph() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (graph_ != nullptr) return absl::OkStatus();
  const fs::path path = fs::path(folder_) / kGraphFile;
  const auto crc = ChecksumOf(path);
  if (!crc.ok()) return crc.status();
  if (*crc != graph_checksum_) {
    return absl::DataLossError(absl::StrCat(path.string(), " is damaged; search exactly"));
  }
  auto graph = VectorGraph::Load(path.string(), size(), dimension_);
  if (!graph.ok()) return graph.status();
  graph_ = *std::move(graph);
  return absl::OkStatus();
}

}  // namespace strata::models
