// A Connection for your tests: put it under a Client and say what it answers.
//
//   auto connection = std::make_shared<strata::MockConnection>();
//   EXPECT_CALL(*connection, Classify).WillOnce(Return(strata::ClassifyResult{...}));
//   strata::Client client(connection);
#ifndef STRATA_MOCK_CONNECTION_H_
#define STRATA_MOCK_CONNECTION_H_

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "strata/connection.h"

namespace strata {

class MockConnection : public Connection {
 public:
  MOCK_METHOD(absl::StatusOr<ClassifyResult>, Classify,
              (const DocumentInput& document, const ClassifyOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<EmbedResult>, Embed,
              (const DocumentInput& document, const EmbedOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<SummarizeResult>, Summarize,
              (const DocumentInput& document, const SummarizeOptions& options,
               const TextCallback& on_text),
              (override));
  MOCK_METHOD(absl::StatusOr<Ranking>, Rank,
              (const DocumentInput& document, const std::vector<DocumentInput>& candidates,
               const MatchOptions& options),
              (override));
  MOCK_METHOD(absl::StatusOr<TokenizeResult>, Tokenize,
              (const std::string& text, const TokenizeOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<DocumentStructure>, Inspect,
              (const DocumentInput& document, const InspectOptions& options), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<ModelDescription>>, ListModels, (), (override));
  MOCK_METHOD(std::unique_ptr<ClassifyStream>, ClassifyMany,
              (DocumentSource source, ClassifyCallback on_result,
               const ClassifyManyOptions& options),
              (override));
};

// A ClassifyStream that asks the connection's own Classify, one document after another, before the
// call returns: `ON_CALL(*connection,
// ClassifyMany).WillByDefault(ClassifyOneByOne(connection.get()))`.
class FinishedStream : public ClassifyStream {
 public:
  absl::Status Wait() override { return absl::OkStatus(); }
  void Cancel() override {}
};

inline auto ClassifyOneByOne(Connection* connection) {
  return [connection](DocumentSource source, ClassifyCallback on_result,
                      const ClassifyManyOptions& options) -> std::unique_ptr<ClassifyStream> {
    while (auto document = source()) {
      on_result(document->id(), connection->Classify(*document, options.classify));
    }
    return std::make_unique<FinishedStream>();
  };
}

}  // namespace strata

#endif  // STRATA_MOCK_CONNECTION_H_
