#include "strata/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "sdk/embedded/engine_connection.h"
#include "services/runtime/runtime.h"
#include "services/runtime/testing/null_engine.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

Client MakeClient(const std::string& name = "null") {
  return Client(internal::MakeEngineConnection(
      runtime::Runtime::CreateWithEngines({}, {{name, runtime::testing::MakeNullEngine({})}})
          .value()));
}

class SearchTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<IndexReport> Build(const std::vector<std::string>& texts,
                                    const IndexOptions& options) {
    std::size_t next = 0;
    return BuildIndex(
        client_,
        [&]() -> std::optional<DocumentInput> {
          if (next == texts.size()) return std::nullopt;
          const std::string& text = texts[next++];
          return DocumentInput::FromBytes(text).set_id("id " + text);
        },
        options, [&](const std::string& id, const absl::Status& status) { failed_[id] = status; },
        [&](const IndexProgress& progress) { return progress.documents_done < stop_after_; });
  }

  const std::string folder_ = testing::TempDir() + "/search_test_" + std::to_string(::getpid());
  const Client client_ = MakeClient();
  std::map<std::string, absl::Status> failed_;
  std::int64_t stop_after_ = 1000;
};

TEST_F(SearchTest, WhatIsIndexedIsFound) {
  IndexOptions options;
  options.output_folder = folder_;
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    texts.push_back("Text number " + std::to_string(i) + " of many, about something.");
  }
  texts.push_back("\xff is not UTF-8");
  const auto report = Build(texts, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->num_documents, 40);
  EXPECT_EQ(report->num_failed, 1);
  EXPECT_EQ(report->num_vectors, 40);
  ASSERT_EQ(failed_.size(), 1);
  const auto index = SearchIndex::Open(folder_);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->size(), 40);
  EXPECT_EQ(index->model(), "null");
  EXPECT_EQ(index->level(), "document");
  for (const bool exact : {true, false}) {
    SearchOptions search;
    search.exact = exact;
    search.top_k = 3;
    const auto hits = index->Search(client_, DocumentInput::FromBytes(texts[7]), search);
    ASSERT_TRUE(hits.ok()) << hits.status();
    ASSERT_EQ(hits->size(), 3);
    EXPECT_EQ((*hits)[0].id, "id " + texts[7]);
    EXPECT_NEAR((*hits)[0].similarity, 1, 1e-5);
    EXPECT_EQ((*hits)[0].source.end, static_cast<std::int64_t>(texts[7].size()));
  }
  const auto other =
      index->Search(MakeClient("other"), DocumentInput::FromBytes(texts[7]), SearchOptions());
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("'null', 'other' answered"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Build(texts, options).status()));
}

TEST_F(SearchTest, SentencesAreFoundWithTheirBytes) {
  IndexOptions options;
  options.output_folder = folder_;
  options.level = EmbeddingLevel::kSentence;
  ASSERT_TRUE(Build({"A first one. A second.", "A third sentence."}, options).ok());
  const auto index = SearchIndex::Open(folder_);
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->size(), 3);
  std::vector<float> query(static_cast<std::size_t>(index->dimension()), 0.1f);
  query[0] = 1;
  SearchOptions all;
  all.top_k = 10;
  const auto hits = index->SearchVector(query, all);
  ASSERT_TRUE(hits.ok()) << hits.status();
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> ranges;
  for (const SearchHit& hit : *hits) ranges[{hit.id, hit.source.begin}] = hit.source.end;
  EXPECT_EQ(ranges.size(), 3);
  EXPECT_EQ((ranges[{"id A first one. A second.", 13}]), 22);
}

TEST_F(SearchTest, WhatCannotBeDoneIsSaid) {
  IndexOptions options;
  options.output_folder = folder_;
  EXPECT_TRUE(absl::IsInvalidArgument(Build({}, options).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Build({"\xff"}, options).status()));
  stop_after_ = 1;
  EXPECT_TRUE(absl::IsCancelled(Build({"A.", "B.", "C."}, options).status()));
  EXPECT_FALSE(std::filesystem::exists(folder_));
  options.level = EmbeddingLevel::kToken;
  EXPECT_TRUE(absl::IsInvalidArgument(Build({"A."}, options).status()));
  options.level = EmbeddingLevel::kDocument;
  options.in_flight = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(Build({"A."}, options).status()));
  EXPECT_TRUE(absl::IsNotFound(SearchIndex::Open(folder_).status()));
}

}  // namespace
}  // namespace strata
