#include "clients/cli/batch_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace strata::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kFirst[] = R"({"id":"a","status":"OK","model":"","options":{}})";
constexpr char kSecond[] =
    R"({"id":"b","status":"INVALID_ARGUMENT","message":"bad","model":"","options":{}})";

class BatchOutputTest : public testing::Test {
 protected:
  void SetUp() override { std::remove(path_.c_str()); }
  void TearDown() override { std::remove(path_.c_str()); }
  void Put(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
  std::string Get() const {
    std::ostringstream content;
    content << std::ifstream(path_, std::ios::binary).rdbuf();
    return content.str();
  }
  std::unique_ptr<BatchOutput> Open() {
    auto output = BatchOutput::Open(path_, settings_, retry_failed_);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *std::move(output) : nullptr;
  }
  std::string OpenError() {
    const auto output = BatchOutput::Open(path_, settings_, retry_failed_);
    return output.ok() ? "OK" : std::string(output.status().message());
  }

  BatchSettings settings_;
  bool retry_failed_ = false;
  const std::string path_ = testing::TempDir() + "/batch_output_test.jsonl";
};

TEST_F(BatchOutputTest, WritesLinesAndFindsThemAgain) {
  auto output = Open();
  EXPECT_EQ(output->num_done(), 0);
  EXPECT_TRUE(output->Append(Json::parse(kFirst)).ok());
  EXPECT_TRUE(output->Append(Json::parse(kSecond)).ok());
  EXPECT_TRUE(output->Sync().ok());
  EXPECT_EQ(Get(), std::string(kFirst) + "\n" + kSecond + "\n");
  output.reset();
  output = Open();
  EXPECT_EQ(output->num_done(), 2);
  EXPECT_EQ(output->num_failed(), 1);
  EXPECT_TRUE(output->IsDone(BatchOutput::KeyOf("a", 0)));
  EXPECT_TRUE(output->IsDone(BatchOutput::KeyOf("b", 0)));
  EXPECT_FALSE(output->IsDone(BatchOutput::KeyOf("c", 0)));
  EXPECT_EQ(output->dropped_bytes(), 0);
}

TEST_F(BatchOutputTest, ATornLastLineIsDroppedWhereverItWasCut) {
  const std::string whole = std::string(kFirst) + "\n";
  for (std::size_t cut = 1; cut <= std::string(kSecond).size(); ++cut) {
    Put(whole + std::string(kSecond).substr(0, cut));
    auto output = Open();
    EXPECT_EQ(output->num_done(), 1) << cut;
    EXPECT_EQ(output->dropped_bytes(), cut);
    EXPECT_EQ(Get(), whole);
    EXPECT_TRUE(output->Append(Json::parse(kSecond)).ok());
    EXPECT_EQ(Get(), whole + kSecond + "\n");
  }
}

TEST_F(BatchOutputTest, ATornOnlyLineIsDropped) {
  Put(R"({"id":"a","sta)");
  EXPECT_EQ(Open()->num_done(), 0);
  EXPECT_EQ(Get(), "");
}

TEST_F(BatchOutputTest, ALastLineOfZerosIsDropped) {
  // What some file systems leave after a power cut.
  Put(std::string(kFirst) + "\n" + std::string(100, '\0'));
  EXPECT_EQ(Open()->num_done(), 1);
  Put(std::string(kFirst) + "\n" + std::string(100, '\0') + "\n");
  EXPECT_EQ(Open()->num_done(), 1);
  EXPECT_EQ(Get(), std::string(kFirst) + "\n");
}

TEST_F(BatchOutputTest, LinesOfJsonLinesAreKnownByNumber) {
  Put(R"({"id":"same","status":"OK","line":1})"
      "\n"
      R"({"id":"same","status":"OK","line":7})"
      "\n");
  auto output = Open();
  EXPECT_EQ(output->num_done(), 2);
  EXPECT_TRUE(output->IsDone(BatchOutput::KeyOf("same", 7)));
  EXPECT_FALSE(output->IsDone(BatchOutput::KeyOf("same", 2)));
}

TEST_F(BatchOutputTest, AnotherFileIsRefusedAndLeftAlone) {
  for (const std::string& content :
       {std::string("my notes"), std::string("my notes\n"), std::string("{\"x\":1}\n"),
        std::string("{\"x\":1}"), std::string("a\nb\nc\n"),
        std::string("{\"x\":1}\n") + kFirst + "\n",
        std::string(kFirst) + "\nnonsense\n" + kSecond + "\n",
        std::string(kFirst) + "\nnonsense\n{\"id\""}) {
    Put(content);
    EXPECT_THAT(OpenError(), HasSubstr("give another OUT")) << content;
    EXPECT_EQ(Get(), content);
  }
}

TEST_F(BatchOutputTest, TwoBatchesCannotWriteOneFile) {
  auto output = Open();
  EXPECT_THAT(OpenError(), HasSubstr("another batch is writing it"));
  output.reset();
  EXPECT_EQ(OpenError(), "OK");
}

TEST_F(BatchOutputTest, LongLinesAcrossReads) {
  const std::string long_line =
      R"({"id":"long","status":"OK","x":")" + std::string(3'000'000, 'x') + "\"}";
  Put(std::string(kFirst) + "\n" + long_line + "\n" + kSecond + "\n{\"id\":\"torn");
  auto output = Open();
  EXPECT_EQ(output->num_done(), 3);
  EXPECT_EQ(output->dropped_bytes(), 11);
}

TEST_F(BatchOutputTest, ResultsOfAnotherModelOrWithOtherOptionsAreNotMixedIn) {
  settings_ = {"subjects", {{"top-k", 3}}};
  EXPECT_TRUE(Open()->Append(Json::parse(R"({"id":"a","status":"OK"})")).ok());
  const std::string content = Get();
  EXPECT_EQ(content, R"({"id":"a","status":"OK","model":"subjects","options":{"top-k":3}})"
                     "\n");
  EXPECT_EQ(Open()->num_done(), 1);
  settings_.model = "moods";
  EXPECT_THAT(OpenError(),
              HasSubstr("line 1: was answered by model 'subjects', now it is 'moods'"));
  settings_ = {"subjects", {{"top-k", 5}}};
  EXPECT_THAT(OpenError(), HasSubstr("was answered with --top-k 3, now it is 5"));
  settings_ = {"subjects", {{"top-k", 3}, {"explain", true}}};
  EXPECT_THAT(OpenError(), HasSubstr("was answered with --explain not set, now it is true"));
  retry_failed_ = true;
  EXPECT_THAT(OpenError(), HasSubstr("--explain"));
  EXPECT_EQ(Get(), content);
}

TEST_F(BatchOutputTest, WhatFailedIsTakenOutToBeTriedAgain) {
  const std::string third = R"({"id":"c","status":"OK"})";
  const std::string failed = R"({"id":"7","status":"NOT_FOUND","line":7})";
  const std::string long_line =
      R"({"id":"long","status":"OK","x":")" + std::string(3'000'000, 'x') + "\"}";
  Put(std::string(kSecond) + "\n" + kFirst + "\n" + failed + "\n" + long_line + "\n" + third +
      "\n{\"id\":\"torn");
  EXPECT_EQ(Open()->num_failed(), 2);
  retry_failed_ = true;
  auto output = Open();
  EXPECT_EQ(output->num_retried(), 2);
  EXPECT_EQ(output->num_failed(), 0);
  EXPECT_EQ(output->num_done(), 3);
  EXPECT_FALSE(output->IsDone(BatchOutput::KeyOf("b", 0)));
  EXPECT_FALSE(output->IsDone(BatchOutput::KeyOf("7", 7)));
  EXPECT_TRUE(output->IsDone(BatchOutput::KeyOf("c", 0)));
  const std::string kept = std::string(kFirst) + "\n" + long_line + "\n" + third + "\n";
  EXPECT_EQ(Get(), kept);
  // The new file is locked as the old one was, and appended to.
  EXPECT_THAT(OpenError(), HasSubstr("another batch is writing it"));
  EXPECT_TRUE(output->Append(Json::parse(kSecond)).ok());
  EXPECT_EQ(Get(), kept + kSecond + "\n");
}

TEST_F(BatchOutputTest, OnlyARegularFileCanBeGoneOnFrom) {
  for (const char* path : {"/dev/full", "/dev/null", "/dev/stdout"}) {
    const auto output = BatchOutput::Open(path, {}, false);
    EXPECT_TRUE(absl::IsInvalidArgument(output.status())) << path;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(BatchOutput::Open("x.jsonl.gz", {}, false).status()));
  EXPECT_TRUE(BatchOutput::Open("-", {}, false).ok());
}

TEST_F(BatchOutputTest, AFolderIsNoOutput) {
  const auto output = BatchOutput::Open(testing::TempDir(), {}, false);
  EXPECT_FALSE(output.ok());
}

}  // namespace
}  // namespace strata::cli
