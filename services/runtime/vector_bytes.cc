#include "services/runtime/vector_bytes.h"

#include <algorithm>
#include <vector>

namespace strata::runtime {
namespace {

using models::EmbeddingLevel;
using models::TokenRole;

TokenRole RoleOf(EmbeddingLevel level) {
  switch (level) {
    case EmbeddingLevel::kDocument:
      return TokenRole::kDocumentAnchor;
    case EmbeddingLevel::kSection:
      return TokenRole::kSectionAnchor;
    case EmbeddingLevel::kSentence:
      return TokenRole::kSentenceAnchor;
    case EmbeddingLevel::kToken:
      break;
  }
  return TokenRole::kWord;
}

// The levels that a task answers with.
std::vector<EmbeddingLevel> LevelsOf(const models::TaskRequest& task) {
  if (task.task == models::Task::kEmbed) return task.levels;
  if (task.task != models::Task::kMatch) return {};
  return {EmbeddingLevel::kDocument, EmbeddingLevel::kSentence};
}

}  // namespace

int64_t VectorBytes(const models::ModelInfo& info, const models::TaskRequest& task,
                    const models::PreparedDocument& document) {
  const auto& roles = document.sequence.roles;
  int64_t num_vectors = 0;
  for (const EmbeddingLevel level : LevelsOf(task)) {
    num_vectors += std::count(roles.begin(), roles.end(), RoleOf(level));
  }
  return num_vectors * info.hidden_size * static_cast<int64_t>(sizeof(float));
}

}  // namespace strata::runtime
