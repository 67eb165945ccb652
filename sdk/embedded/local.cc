#include "strata/local.h"

#include <utility>

#include "models/document/document_reader.h"
#include "models/document/json_lines.h"
#include "models/eval/labelled_files.h"
#include "models/tokenizer/token_nodes.h"
#include "models/tokenizer/tokenizer.h"
#include "sdk/embedded/convert.h"
#include "sdk/embedded/inspect.h"

namespace strata {

absl::StatusOr<DocumentStructure> internal::InspectWith(const DocumentInput& document,
                                                        const models::Tokenizer* tokenizer) {
  const absl::StatusOr<std::string> bytes = document.ReadAll();
  if (!bytes.ok()) return bytes.status();
  const models::DocumentFormat format =
      internal::ResolveFormat(document.format(), *bytes, document.file_name());
  auto tree = models::ReadDocument(*bytes, format);
  if (tree.ok() && tokenizer != nullptr) {
    tree = models::AddTokenNodes(*std::move(tree), *tokenizer);
  }
  if (!tree.ok()) return tree.status();
  return internal::FromModels(*tree, format);
}

absl::StatusOr<DocumentStructure> InspectDocument(const DocumentInput& document) {
  return internal::InspectWith(document, nullptr);
}

absl::StatusOr<DocumentFormat> ParseDocumentFormat(const std::string& name) {
  const auto format = models::ParseDocumentFormat(name);
  if (!format.ok()) return format.status();
  return internal::FromModels(*format);
}

std::string DocumentFormatName(DocumentFormat format) {
  return std::string(models::DocumentFormatName(internal::ToModels(format)));
}

struct Tokenizer::State {
  std::unique_ptr<const models::Tokenizer> tokenizer;
};

absl::StatusOr<DocumentStructure> InspectDocument(const DocumentInput& document,
                                                  const Tokenizer& tokenizer) {
  return internal::InspectWith(document, tokenizer.state_->tokenizer.get());
}

absl::StatusOr<Tokenizer> Tokenizer::Load(const std::string& path) {
  auto tokenizer = models::Tokenizer::Load(path);
  if (!tokenizer.ok()) return tokenizer.status();
  return Tokenizer(std::make_shared<const State>(State{*std::move(tokenizer)}));
}

absl::StatusOr<TokenizeResult> Tokenizer::Tokenize(const std::string& text) const {
  models::Encoding encoding;
  const absl::Status status = state_->tokenizer->Encode(text, encoding);
  if (!status.ok()) return status;
  return internal::FromModels(*state_->tokenizer, encoding);
}

namespace {

class ModelsJsonLinesReader final : public JsonLinesReader {
 public:
  explicit ModelsJsonLinesReader(std::unique_ptr<models::JsonLinesReader> reader)
      : reader_(std::move(reader)) {}

  absl::StatusOr<bool> Next(LabelledDocument& document) override {
    models::JsonLine line;
    const absl::StatusOr<bool> more = reader_->Next(line);
    document.line = line.line_number;  // of a broken line, too
    if (!more.ok() || !*more) return more;
    document.label = std::move(line.label);
    document.labels = std::move(line.labels);
    document.summary = std::move(line.summary);
    document.document = DocumentInput::FromBytes(std::move(line.json), DocumentFormat::kJson);
    document.document.set_id(std::move(line.id));
    return true;
  }

 private:
  std::unique_ptr<models::JsonLinesReader> reader_;
};

class LabelledFilesReader final : public LabelledReader {
 public:
  explicit LabelledFilesReader(std::vector<models::LabelledFile> files)
      : files_(std::move(files)) {}

  absl::StatusOr<bool> Next(LabelledDocument& document) override {
    if (next_ == files_.size()) return false;
    const models::LabelledFile& file = files_[next_++];
    document = {};
    document.line = file.line;
    document.label = file.label;
    document.document = DocumentInput::FromFile(file.path);
    return true;
  }

 private:
  const std::vector<models::LabelledFile> files_;
  std::size_t next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<JsonLinesReader>> JsonLinesReader::Open(const std::string& path) {
  auto reader = models::JsonLinesReader::Open(path);
  if (!reader.ok()) return reader.status();
  return std::make_unique<ModelsJsonLinesReader>(*std::move(reader));
}

absl::StatusOr<std::unique_ptr<LabelledReader>> OpenLabelledDocuments(const std::string& path) {
  if (!path.ends_with(".csv")) return JsonLinesReader::Open(path);
  auto files = models::ReadLabelledFiles(path);
  if (!files.ok()) return files.status();
  return std::make_unique<LabelledFilesReader>(*std::move(files));
}

}  // namespace strata
