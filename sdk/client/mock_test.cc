#include <gtest/gtest.h>

#include <map>

#include "strata/client.h"
#include "strata/mock_connection.h"

namespace strata {
namespace {

using ::testing::_;
using ::testing::Field;
using ::testing::Return;

TEST(MockConnectionTest, AnswersBehindAClient) {
  auto connection = std::make_shared<MockConnection>();
  ClassifyResult answer;
  answer.labels = {{"physics", 0.9f, 2.0f}};
  EXPECT_CALL(*connection, Classify(_, Field(&ClassifyOptions::top_k, 1))).WillOnce(Return(answer));
  const Client client(connection);
  const Client copy = client;
  EXPECT_EQ(copy, client);
  ClassifyOptions options;
  options.top_k = 1;
  const auto result = copy.Classify(DocumentInput::FromBytes("force"), options);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->labels[0].label, "physics");
}

TEST(MockConnectionTest, SummariesReachTheConnection) {
  auto connection = std::make_shared<MockConnection>();
  EXPECT_CALL(*connection, Summarize)
      .WillOnce([](const DocumentInput&, const SummarizeOptions& options,
                   const TextCallback& on_text) -> absl::StatusOr<SummarizeResult> {
        EXPECT_EQ(options.max_words, 9);
        if (on_text) on_text("short");
        SummarizeResult result;
        result.text = "short";
        return result;
      });
  SummarizeOptions options;
  options.max_words = 9;
  std::string told;
  const auto result =
      Client(connection)
          .Summarize(DocumentInput::FromBytes("long"), options, [&](const std::string& part) {
            told += part;
            return true;
          });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(told, result->text);
}

TEST(MockConnectionTest, AnErrorOfOneDocumentNamesIt) {
  auto connection = std::make_shared<MockConnection>();
  const absl::Status error = absl::InvalidArgumentError("no sentence");
  EXPECT_CALL(*connection, Classify).WillOnce(Return(error));
  EXPECT_CALL(*connection, Summarize).WillOnce(Return(error));
  const Client client(connection);
  const DocumentInput document = DocumentInput::FromBytes("x").set_id("a.txt");
  EXPECT_EQ(client.Classify(document).status().message(), "a.txt: no sentence");
  EXPECT_EQ(client.Summarize(document).status().message(), "a.txt: no sentence");
}

TEST(MockConnectionTest, StreamsOneByOne) {
  auto connection = std::make_shared<MockConnection>();
  ON_CALL(*connection, ClassifyMany).WillByDefault(ClassifyOneByOne(connection.get()));
  EXPECT_CALL(*connection, ClassifyMany);
  EXPECT_CALL(*connection, Classify)
      .WillOnce(Return(ClassifyResult{}))
      .WillOnce(Return(absl::InvalidArgumentError("bad")));
  int sent = 0;
  std::map<std::string, absl::StatusCode> answers;
  auto stream = Client(connection)
                    .ClassifyMany(
                        [&]() -> std::optional<DocumentInput> {
                          if (sent == 2) return std::nullopt;
                          return DocumentInput::FromBytes("x").set_id(std::to_string(sent++));
                        },
                        [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
                          answers[id] = result.status().code();
                        });
  EXPECT_TRUE(stream->Wait().ok());
  EXPECT_EQ(answers, (std::map<std::string, absl::StatusCode>{
                         {"0", absl::StatusCode::kOk}, {"1", absl::StatusCode::kInvalidArgument}}));
}

}  // namespace
}  // namespace strata
