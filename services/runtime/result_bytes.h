// About what the parts of an answer take in memory, bytes: for whoever keeps answers within a
// bound.
#ifndef STRATA_SERVICES_RUNTIME_RESULT_BYTES_H_
#define STRATA_SERVICES_RUNTIME_RESULT_BYTES_H_

#include <cstddef>
#include <vector>

#include "models/engine/result.h"

namespace strata::runtime {

inline size_t BytesOf(const models::LabelScore& label) {
  return sizeof(label) + label.label.size();
}
inline size_t BytesOf(const models::NodeContribution& node) {
  return sizeof(node) + node.text.size();
}
inline size_t BytesOf(const models::HeardEvent& event) {
  return sizeof(event) + event.label.size();
}
inline size_t BytesOf(const models::Embedding& embedding) {
  return sizeof(embedding) + embedding.values.size() * sizeof(float);
}
inline size_t BytesOf(const models::SummarySource& source) {
  return sizeof(source) + source.text.size();
}
size_t BytesOf(const models::LabelledNode& node);

template <typename Part>
size_t BytesOf(const std::vector<Part>& parts) {
  size_t num_bytes = 0;
  for (const Part& part : parts) num_bytes += BytesOf(part);
  return num_bytes;
}

inline size_t BytesOf(const models::LabelledNode& node) {
  return sizeof(node) + node.text.size() + BytesOf(node.labels);
}

inline size_t BytesOf(const models::TaskResult& result) {
  return sizeof(result) + BytesOf(result.labels) + BytesOf(result.labelled_nodes) +
         BytesOf(result.sections) + BytesOf(result.sentences) + BytesOf(result.events) +
         BytesOf(result.embeddings) + result.summary.text.size() + BytesOf(result.summary.sources);
}

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_RESULT_BYTES_H_
