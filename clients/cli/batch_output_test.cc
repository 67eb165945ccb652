#include "clients/cli/batch_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace strata::cli {
namespace {

using ::testing::HasSubstr;

constexpr char kFirst[] = R"({"id":"a","status":"OK"})";
constexpr char kSecond[] = R"({"id":"b","status":"INVALID_ARGUMENT","message":"bad"})";

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
    auto output = BatchOutput::Open(path_);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *std::move(output) : nullptr;
  }
  std::string OpenError() {
    const auto output = BatchOutput::Open(path_);
    return output.ok() ? "OK" : std::string(output.status().message());
  }

  const std::string path_ = testing::TempDir() + "/batch_output_test.jsonl";
};

TEST_F(BatchOutputTest, WritesLinesAndFindsThemAgain) {
  auto output = Open();
  EXPECT_EQ(output->num_done(), 0);
  EXPECT_TRUE(output->Append(kFirst).ok());
  EXPECT_TRUE(output->Append(kSecond).ok());
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
    EXPECT_TRUE(output->Append(kSecond).ok());
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

TEST_F(BatchOutputTest, AFolderIsNoOutput) {
  const auto output = BatchOutput::Open(testing::TempDir());
  EXPECT_FALSE(output.ok());
}

}  // namespace
}  // namespace strata::cli
