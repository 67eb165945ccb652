#include "services/telemetry/json_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace strata::telemetry {
namespace {

class JsonLogTest : public testing::Test {
 protected:
  JsonLogTest() {
    SetLogSink([this](const std::string& line) { lines_.push_back(line); });
    SetLogLevel(LogLevel::kInfo);
  }
  ~JsonLogTest() override {
    SetLogSink(nullptr);
    SetLogLevel(LogLevel::kOff);
  }
  std::vector<std::string> lines_;
};

TEST_F(JsonLogTest, LineIsJsonWithTheFieldsInOrder) {
  Log(LogLevel::kInfo, "request",
      {{"id", "a\"\n"}, {"tokens", int64_t{12}}, {"ms", 1.5}, {"ok", true}});
  FlushLog();
  ASSERT_EQ(lines_.size(), 1u);
  const auto json = nlohmann::ordered_json::parse(lines_[0], nullptr, false);
  ASSERT_FALSE(json.is_discarded()) << lines_[0];
  EXPECT_EQ(json["event"], "request");
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["id"], "a\"\n");
  EXPECT_EQ(json["tokens"], 12);
  EXPECT_EQ(json["ms"], 1.5);
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
}

TEST_F(JsonLogTest, LowerLevelsAreDropped) {
  Log(LogLevel::kDebug, "detail", {});
  SetLogLevel(LogLevel::kError);
  Log(LogLevel::kWarning, "odd", {});
  Log(LogLevel::kError, "bad", {});
  FlushLog();
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_NE(lines_[0].find("\"bad\""), std::string::npos);
}

TEST_F(JsonLogTest, BrokenUtf8StillGivesJson) {
  Log(LogLevel::kInfo, "request", {{"id", "\xff\xfe"}});
  FlushLog();
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_FALSE(nlohmann::json::parse(lines_[0], nullptr, false).is_discarded()) << lines_[0];
}

TEST_F(JsonLogTest, ManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) Log(LogLevel::kInfo, "request", {{"i", int64_t{i}}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  FlushLog();
  EXPECT_EQ(lines_.size(), 800u);
}

TEST(ParseLogLevelTest, NamesAndErrors) {
  EXPECT_EQ(*ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(*ParseLogLevel("off"), LogLevel::kOff);
  EXPECT_EQ(ParseLogLevel("loud").status().code(), absl::StatusCode::kInvalidArgument);
}

// Whoever shares stderr may have made it so that it does not block.
TEST_F(JsonLogTest, AFullPipeTearsNoLine) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  SetLogSink(nullptr);
  constexpr int kLines = 2000;  // of far more bytes than a pipe holds
  for (int i = 0; i < kLines; ++i) {
    Log(LogLevel::kInfo, "line", {{"text", std::string(300, 'x')}});
  }
  std::string read;
  std::thread reader([&] {
    char buffer[4096];
    for (ssize_t size; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      read.append(buffer, static_cast<size_t>(size));
    }
  });
  FlushLog();
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(ends[1]);
  reader.join();
  close(ends[0]);
  int num_lines = 0;
  for (size_t begin = 0; begin < read.size();) {
    const size_t end = read.find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    EXPECT_TRUE(nlohmann::json::accept(read.substr(begin, end - begin)));
    begin = end + 1;
    ++num_lines;
  }
  EXPECT_EQ(num_lines, kLines);
}

}  // namespace
}  // namespace strata::telemetry
