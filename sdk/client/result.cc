#include "strata/result.h"

namespace strata {

const char* NodeKindName(NodeKind kind) {
  switch (kind) {
    case NodeKind::kDocument:
      return "document";
    case NodeKind::kSection:
      return "section";
    case NodeKind::kHeading:
      return "heading";
    case NodeKind::kParagraph:
      return "paragraph";
    case NodeKind::kSentence:
      return "sentence";
    case NodeKind::kToken:
      return "token";
  }
  return "unknown";
}

const char* EmbeddingLevelName(EmbeddingLevel level) {
  switch (level) {
    case EmbeddingLevel::kDocument:
      return "document";
    case EmbeddingLevel::kSection:
      return "section";
    case EmbeddingLevel::kSentence:
      return "sentence";
    case EmbeddingLevel::kToken:
      return "token";
  }
  return "unknown";
}

const char* SummaryMethodName(SummaryMethod method) {
  switch (method) {
    case SummaryMethod::kAuto:
      return "auto";
    case SummaryMethod::kExtractive:
      return "extractive";
    case SummaryMethod::kAbstractive:
      return "abstractive";
  }
  return "auto";
}

}  // namespace strata
