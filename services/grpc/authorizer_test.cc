#include "services/grpc/authorizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/time/clock.h"
#include "services/runtime/error_detail.h"

namespace strata::service {
namespace {

using ::testing::HasSubstr;

// SHA-256 of "open sesame" and of "abracadabra".
constexpr char kSesame[] = "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb";
constexpr char kAbra[] = "045babdcd2118960e8c8b8e0ecf65b734686e1b18f58710c9646779f49e942ae";

class AuthorizerTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::trunc) << text;
    // The folder entry must change even within the clock's resolution.
    std::filesystem::last_write_time(
        path_, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(++writes_));
  }
  static std::string Tokens(const std::string& digest, const std::string& rest) {
    return "{\"tokens\": [{\"name\": \"t\", \"sha256\": \"" + digest + "\", " + rest + "}]}";
  }
  absl::Status LoadError(const std::string& text) {
    Write(text);
    return Authorizer::Load(path_).status();
  }

  const std::string path_ =
      ::testing::TempDir() + "/authorizer_test_" + std::to_string(::getpid()) + ".json";
  int writes_ = 0;
};

TEST_F(AuthorizerTest, TokensAndScopes) {
  Write(Tokens(kSesame, R"("scopes": ["infer"])"));
  auto authorizer = Authorizer::Load(path_);
  ASSERT_TRUE(authorizer.ok()) << authorizer.status();
  const auto check = [&](std::string_view header, Scope scope) {
    return (*authorizer)->Check(header, scope, absl::Now());
  };
  EXPECT_TRUE(check("Bearer open sesame", Scope::kInfer).ok());
  EXPECT_TRUE(check("bearer open sesame", Scope::kInfer).ok());
  EXPECT_EQ(check("Bearer open sesame", Scope::kAdmin).code(), absl::StatusCode::kPermissionDenied);
  for (const char* header : {"", "Bearer ", "Bearer open", "Basic open sesame", "open sesame"}) {
    EXPECT_EQ(check(header, Scope::kInfer).code(), absl::StatusCode::kUnauthenticated) << header;
  }
}

TEST_F(AuthorizerTest, ARateIsABucketThatFills) {
  Write(Tokens(kSesame, R"("scopes": ["infer"], "requests_per_second": 2, "burst": 3)"));
  auto authorizer = Authorizer::Load(path_);
  ASSERT_TRUE(authorizer.ok()) << authorizer.status();
  const absl::Time start = absl::Now();
  const auto check = [&](absl::Duration after) {
    return (*authorizer)->Check("Bearer open sesame", Scope::kInfer, start + after);
  };
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(check(absl::ZeroDuration()).ok()) << i;
  const absl::Status refused = check(absl::Milliseconds(100));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(runtime::DetailOf(refused).retry_delay, absl::Milliseconds(400));
  EXPECT_TRUE(check(absl::Milliseconds(500)).ok());
  EXPECT_FALSE(check(absl::Milliseconds(501)).ok());
  EXPECT_TRUE(check(absl::Seconds(100)).ok());
  // A clock that was set back takes nothing away.
  EXPECT_TRUE(check(absl::Seconds(10)).ok());
}

TEST_F(AuthorizerTest, AChangedFileIsTakenAndABrokenOneIsNot) {
  Write(Tokens(kSesame, R"("scopes": ["infer"])"));
  auto authorizer = Authorizer::Load(path_);
  ASSERT_TRUE(authorizer.ok()) << authorizer.status();
  const auto allowed = [&](std::string_view header) {
    return (*authorizer)->Check(header, Scope::kInfer, absl::Now()).ok();
  };
  EXPECT_FALSE(*(*authorizer)->ReloadIfChanged());
  Write(Tokens(kAbra, R"("scopes": ["infer"])"));
  EXPECT_TRUE(*(*authorizer)->ReloadIfChanged());
  EXPECT_FALSE(allowed("Bearer open sesame"));
  EXPECT_TRUE(allowed("Bearer abracadabra"));
  Write("{");
  EXPECT_FALSE((*authorizer)->ReloadIfChanged().ok());
  EXPECT_TRUE(allowed("Bearer abracadabra"));
  std::filesystem::remove(path_);
  EXPECT_FALSE((*authorizer)->ReloadIfChanged().ok());
  EXPECT_TRUE(allowed("Bearer abracadabra"));
}

TEST_F(AuthorizerTest, AWrongFileIsRefusedWithTheField) {
  EXPECT_EQ(Authorizer::Load("/no/such/file").status().code(), absl::StatusCode::kNotFound);
  const auto message = [&](const std::string& text) {
    return std::string(LoadError(text).message());
  };
  EXPECT_THAT(message("[]"), HasSubstr("tokens"));
  EXPECT_THAT(message("{\"tokens\": []}"), HasSubstr("empty"));
  EXPECT_THAT(message(Tokens("abc", R"("scopes": ["infer"])")), HasSubstr("tokens[0].sha256"));
  EXPECT_THAT(message(Tokens(kSesame, R"("scopes": ["root"])")), HasSubstr("\"root\""));
  EXPECT_THAT(message(Tokens(kSesame, R"("scopes": ["infer"], "rate": 1)")),
              HasSubstr("tokens[0].rate"));
  EXPECT_THAT(message(Tokens(kSesame, R"("scopes": ["infer"], "burst": -1)")),
              HasSubstr("tokens[0].burst"));
  EXPECT_THAT(message(Tokens(kSesame, R"("burst": 1)")), HasSubstr("lacks"));
}

}  // namespace
}  // namespace strata::service
