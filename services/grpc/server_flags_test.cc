#include "services/grpc/server_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace strata::service {
namespace {

using ::testing::HasSubstr;

class ServerFlagsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    ::unsetenv("STRATA_MAX_BATCH_TOKENS");
    ::unsetenv("STRATA_MODEL");
    ::unlink(path_.c_str());
  }
  std::optional<int> Parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "strata-server");
    flags_ = {};
    return ParseServerFlags(static_cast<int>(arguments.size()), arguments.data(), flags_);
  }
  void WriteConfig(const std::string& text) { std::ofstream(path_) << text; }

  const std::string path_ =
      ::testing::TempDir() + "/server_flags_test_" + std::to_string(::getpid()) + ".toml";
  ServerFlags flags_;
};

TEST_F(ServerFlagsTest, FileThenEnvironmentThenCommandLine) {
  WriteConfig("model = [\"a=/m/a\", \"/m/b/\"]\nmax-batch-tokens = 1000\ndrain-grace = 2.5\n");
  EXPECT_EQ(Parse({"--config", path_.c_str()}), std::nullopt);
  EXPECT_EQ(flags_.runtime.limits.max_batch_tokens, 1000);
  EXPECT_EQ(flags_.drain_grace, absl::Seconds(2.5));
  ASSERT_EQ(flags_.runtime.models.size(), 2u);
  EXPECT_EQ(flags_.runtime.models[1].first, "b");

  ::setenv("STRATA_MAX_BATCH_TOKENS", "2000", 1);
  ::setenv("STRATA_MODEL", "x=/m/x;/m/y", 1);
  EXPECT_EQ(Parse({"--config", path_.c_str()}), std::nullopt);
  EXPECT_EQ(flags_.runtime.limits.max_batch_tokens, 2000);
  ASSERT_EQ(flags_.runtime.models.size(), 2u);
  EXPECT_EQ(flags_.runtime.models[0].first, "x");
  EXPECT_EQ(flags_.runtime.models[1].first, "y");

  EXPECT_EQ(Parse({"--config", path_.c_str(), "--max-batch-tokens", "3000", "--model=/m/z"}),
            std::nullopt);
  EXPECT_EQ(flags_.runtime.limits.max_batch_tokens, 3000);
  ASSERT_EQ(flags_.runtime.models.size(), 1u);
  EXPECT_EQ(flags_.runtime.models[0].first, "z");
}

TEST_F(ServerFlagsTest, WhatIsPrintedCanBeRead) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Parse({"--model", "a=/m/a", "--max-batch-documents", "7", "--dtype", "int8",
                   "--print-config"}),
            0);
  WriteConfig(::testing::internal::GetCapturedStdout());
  EXPECT_EQ(Parse({"--config", path_.c_str()}), std::nullopt);
  EXPECT_EQ(flags_.runtime.limits.max_batch_documents, 7);
  EXPECT_EQ(flags_.runtime.precision, models::WeightPrecision::kInt8);
  ASSERT_EQ(flags_.runtime.models.size(), 1u);
  EXPECT_EQ(flags_.runtime.models[0].second, "/m/a");
}

TEST_F(ServerFlagsTest, AddressesThatCannotBeListenedOnAreRefused) {
  const auto listen = [this](const char* address) {
    ::testing::internal::CaptureStderr();
    const auto code = Parse({"--model", "a", "--listen", address});
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(code.has_value(), !said.empty());
    return code.value_or(0) == 2 ? said : code.has_value() ? "wrong code" : "";
  };
  EXPECT_EQ(listen("127.0.0.1:0"), "");
  EXPECT_EQ(listen("[::1]:50051"), "");
  EXPECT_EQ(listen("localhost:65535"), "");
  EXPECT_EQ(listen("unix:/tmp/strata.sock"), "");
  EXPECT_THAT(listen("127.0.0.1:99999"), HasSubstr("'99999' is no port"));
  EXPECT_THAT(listen("127.0.0.1"), HasSubstr("has no port"));
  EXPECT_THAT(listen("foo"), HasSubstr("has no port"));
  EXPECT_THAT(listen("foo:"), HasSubstr("is no port"));
  EXPECT_THAT(listen(":50051"), HasSubstr("has no host; 0.0.0.0:50051"));
  EXPECT_THAT(listen("::1:50051"), HasSubstr("in brackets"));
  EXPECT_THAT(listen("127.0.0.1:-1"), HasSubstr("is no port"));
}

TEST_F(ServerFlagsTest, SlipsAreSaidInAFewWords) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Parse({"--model", "a", "--max-document-bytes", "1GB"}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--compute-threads", "100000"}), 2);
  EXPECT_EQ(Parse({"--model", "a=b", "extra"}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--cache-bytes=-1"}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--tls-reload", "0"}), 2);
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("'1GB' is not a whole number of 1 or more"));
  EXPECT_THAT(said, HasSubstr("'100000' is not a whole number from 0 to 1024"));
  EXPECT_THAT(said, HasSubstr("extra"));
  EXPECT_THAT(said, HasSubstr("'-1' is not a whole number of 0 or more"));
  EXPECT_THAT(said, HasSubstr("'0' is not a number of seconds, over 0"));
}

TEST_F(ServerFlagsTest, ZeroSecondsOfStandingStillAreForever) {
  EXPECT_EQ(Parse({"--model", "a", "--stream-idle-timeout", "0"}), std::nullopt);
  EXPECT_EQ(flags_.server.stream.idle_timeout, absl::InfiniteDuration());
  EXPECT_EQ(Parse({"--model", "a", "--stream-idle-timeout", "1.5", "--max-answer-bytes", "9"}),
            std::nullopt);
  EXPECT_EQ(flags_.server.stream.idle_timeout, absl::Seconds(1.5));
  EXPECT_EQ(flags_.runtime.limits.max_answer_bytes, 9);
}

TEST_F(ServerFlagsTest, WrongOnesAreRefused) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Parse({}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--max-batch-tokens", "0"}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--log-level", "loud"}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--dtype", "fp64"}), 2);
  EXPECT_EQ(Parse({"--model", "a", "--config", "/no/such/file"}), 2);
  WriteConfig("max-batch-token = 3\n");
  EXPECT_EQ(Parse({"--model", "a", "--config", path_.c_str()}), 2);
  EXPECT_EQ(Parse({"--model", "/no/such/model", "--check-config"}), 1);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("/no/such/model holds no config.json"),
            std::string::npos);
}

}  // namespace
}  // namespace strata::service
