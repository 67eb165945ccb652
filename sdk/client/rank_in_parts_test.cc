#include "sdk/client/rank_in_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace strata::internal {
namespace {

using ::testing::ElementsAre;

// Answers each call with the candidates' lengths as scores, worst first.
class RankInPartsTest : public testing::Test {
 protected:
  absl::StatusOr<Ranking> Run(const std::vector<DocumentInput>& candidates, std::int32_t top_k,
                              const RankPartLimits& limits) {
    return RankInParts(
        DocumentInput::FromBytes("query").set_id("q"), candidates, top_k, limits,
        [&](const DocumentInput&, std::string bytes) { added_.push_back(std::move(bytes)); },
        [&]() -> absl::StatusOr<Ranking> {
          calls_.push_back(added_);
          Ranking part;
          part.model = "m";
          for (std::size_t i = 0; i < added_.size(); ++i) {
            MatchResult& result = part.results.emplace_back();
            result.index = i;
            result.score = static_cast<float>(added_[i].size());
            if (added_[i] == "bad") result.status = absl::InvalidArgumentError("bad");
          }
          added_.clear();
          return answer_.ok() ? absl::StatusOr<Ranking>(part) : answer_;
        });
  }

  absl::Status answer_;
  std::vector<std::string> added_;
  std::vector<std::vector<std::string>> calls_;
};

std::vector<DocumentInput> Texts(const std::vector<std::string>& texts) {
  std::vector<DocumentInput> documents;
  for (const std::string& text : texts) {
    documents.push_back(DocumentInput::FromBytes(text).set_id("id " + text));
  }
  return documents;
}

TEST_F(RankInPartsTest, PartsBecomeOneOrder) {
  const auto ranking = Run(Texts({"aa", "bad", "a", "aaaa", "aaa"}), 0, {.candidates = 2});
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  EXPECT_THAT(calls_,
              ElementsAre(ElementsAre("aa", "bad"), ElementsAre("a", "aaaa"), ElementsAre("aaa")));
  std::vector<std::size_t> order;
  for (const MatchResult& result : ranking->results) order.push_back(result.index);
  EXPECT_THAT(order, ElementsAre(3, 4, 0, 2, 1));
  EXPECT_EQ(ranking->results[0].candidate.id, "id aaaa");
  EXPECT_EQ(ranking->document.id, "q");
  EXPECT_EQ(ranking->model, "m");
  EXPECT_EQ(Run(Texts({"aa", "a", "aaa"}), 2, {.candidates = 1})->results.size(), 2);
}

TEST_F(RankInPartsTest, ACallEndsBeforeItsBytesAreTooMany) {
  ASSERT_TRUE(Run(Texts({"aaaa", "aaa", "aaa", "aaaaaaaaa", "a"}), 0, {.bytes = 7}).ok());
  EXPECT_THAT(calls_, ElementsAre(ElementsAre("aaaa", "aaa"), ElementsAre("aaa"),
                                  ElementsAre("aaaaaaaaa"), ElementsAre("a")));
}

TEST_F(RankInPartsTest, WhatCannotBeReadStandsLast) {
  std::vector<DocumentInput> candidates = Texts({"a"});
  candidates.insert(candidates.begin(), DocumentInput::FromFile("/no/such.txt"));
  const auto ranking = Run(candidates, 0, {});
  ASSERT_TRUE(ranking.ok()) << ranking.status();
  ASSERT_EQ(ranking->results.size(), 2);
  EXPECT_EQ(ranking->results[0].index, 1);
  EXPECT_TRUE(absl::IsNotFound(ranking->results[1].status));
  candidates.pop_back();
  EXPECT_TRUE(absl::IsNotFound(Run(candidates, 0, {}).status()));
}

TEST_F(RankInPartsTest, AFailedCallFailsTheWhole) {
  answer_ = absl::UnavailableError("gone");
  EXPECT_TRUE(absl::IsUnavailable(Run(Texts({"a", "b"}), 0, {.candidates = 1}).status()));
  EXPECT_EQ(calls_.size(), 1);
  // Whoever answers says what is wrong with no candidates.
  EXPECT_TRUE(absl::IsUnavailable(Run({}, 0, {}).status()));
}

}  // namespace
}  // namespace strata::internal
