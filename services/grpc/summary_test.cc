// Summarize and StreamSummary over loopback with the null engine, whose summary is the document's
// first sentence, a word at a time.
#include <atomic>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

using testing::DetailsOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestServer;

constexpr char kText[] = "One two three four. Five six.";

v1::SummarizeRequest MakeRequest(const std::string& text = kText) {
  v1::SummarizeRequest request;
  request.mutable_document()->set_id("doc");
  request.mutable_document()->set_content(text);
  request.mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
  return request;
}

TEST(SummaryTest, OneAnswer) {
  TestServer server;
  const auto stub = server.NewStub();
  v1::SummarizeResponse response;
  grpc::ClientContext context;
  const grpc::Status status = stub->Summarize(&context, MakeRequest(), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.id(), "doc");
  const v1::SummarizeResult& result = response.result();
  EXPECT_EQ(result.text(), "One two three four.");
  EXPECT_EQ(result.method(), v1::SUMMARY_METHOD_ABSTRACTIVE);
  EXPECT_EQ(result.num_new_tokens(), 4);
  EXPECT_EQ(result.model(), "first");
  EXPECT_EQ(result.tokens().num_words_kept(), 6);
  ASSERT_EQ(result.sources_size(), 1);
  EXPECT_EQ(result.sources(0).kind(), v1::NODE_KIND_SENTENCE);
  EXPECT_EQ(result.sources(0).source().end(), 19);
}

TEST(SummaryTest, PartsComeWhileItIsWritten) {
  TestServer server({.word_time = absl::Milliseconds(50)});
  const auto stub = server.NewStub();
  grpc::ClientContext context;
  const absl::Time begin = absl::Now();
  const auto reader = stub->StreamSummary(&context, MakeRequest());
  std::vector<std::string> parts;
  absl::Time first = absl::InfiniteFuture();
  v1::StreamSummaryResponse response;
  while (reader->Read(&response) && !response.has_answer()) {
    if (parts.empty()) first = absl::Now();
    parts.push_back(response.text());
  }
  const absl::Time answered = absl::Now();
  ASSERT_TRUE(response.has_answer());
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_THAT(parts, ElementsAre("One", " two", " three", " four."));
  EXPECT_EQ(response.answer().result().text(), "One two three four.");
  EXPECT_EQ(response.answer().id(), "doc");
  EXPECT_LT(first - begin, answered - begin - absl::Milliseconds(100));
}

TEST(SummaryTest, AnAnswerOverTheMessageLimitSaysSo) {
  ServerOptions options;
  options.max_message_bytes = 500;
  TestServer server({}, {}, options);
  std::string text = "One";
  while (text.size() < 300) text += " more";
  grpc::ClientContext context;
  const auto stub = server.NewStub();
  const auto reader = stub->StreamSummary(&context, MakeRequest(text + "."));
  v1::StreamSummaryResponse response;
  while (reader->Read(&response)) EXPECT_FALSE(response.has_answer());
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailsOf(status).info.reason(), "RESPONSE_TOO_LARGE");
}

TEST(SummaryTest, ErrorsEndTheStreamWithTheirDetails) {
  TestServer server;
  const auto stub = server.NewStub();
  const auto status_of = [&](const v1::SummarizeRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub->StreamSummary(&context, request);
    v1::StreamSummaryResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish();
  };
  v1::SummarizeRequest request = MakeRequest();
  request.set_model("none");
  EXPECT_EQ(status_of(request).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(DetailsOf(status_of(request)).info.reason(), "MODEL_NOT_FOUND");
  request = MakeRequest();
  request.mutable_options()->set_method(static_cast<v1::SummaryMethod>(9));
  EXPECT_EQ(DetailsOf(status_of(request)).bad_request.field_violations(0).field(),
            "options.method");
  request = MakeRequest();
  request.mutable_options()->mutable_prepare()->set_query(std::string(70000, 'x'));
  EXPECT_EQ(DetailsOf(status_of(request)).bad_request.field_violations(0).field(),
            "options.prepare.query");
  request = MakeRequest("fail-this now.");
  EXPECT_EQ(status_of(request).error_code(), grpc::StatusCode::INTERNAL);
  request.clear_document();
  EXPECT_THAT(status_of(request).error_message(), HasSubstr("document"));
}

TEST(SummaryTest, CancellingStopsTheWriting) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "word ";
  TestServer server({.word_time = absl::Milliseconds(20)});
  const auto stub = server.NewStub();
  grpc::ClientContext context;
  const auto reader = stub->StreamSummary(&context, MakeRequest(text + "end."));
  v1::StreamSummaryResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_TRUE(response.has_text());
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The thread that wrote is free again long before 40 seconds of words have gone by.
  grpc::ClientContext next;
  next.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  v1::SummarizeResponse answer;
  EXPECT_TRUE(stub->Summarize(&next, MakeRequest(), &answer).ok());
}

TEST(SummaryTest, ADeadlineEndsItInTheMiddle) {
  TestServer server({.word_time = absl::Milliseconds(100)});
  const auto stub = server.NewStub();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(250));
  const auto reader = stub->StreamSummary(&context, MakeRequest());
  v1::StreamSummaryResponse response;
  int parts = 0;
  while (reader->Read(&response)) ++parts;
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_GE(parts, 1);
  EXPECT_LT(parts, 4);
}

TEST(SummaryTest, TheModelSaysThatItSummarizes) {
  TestServer server;
  const auto stub = server.NewStub();
  grpc::ClientContext context;
  v1::GetModelResponse response;
  ASSERT_TRUE(stub->GetModel(&context, {}, &response).ok());
  EXPECT_THAT(response.model().tasks(), ::testing::Contains(v1::TASK_SUMMARIZE));
}

}  // namespace
}  // namespace strata::service
