// TLS, mutual TLS, renewed certificates and tokens, over real connections.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "services/grpc/testing/certificates.h"
#include "services/grpc/testing/test_server.h"

namespace strata::service {
namespace {

using testing::CertificateAuthority;
using ::testing::HasSubstr;
using testing::PemPair;
using testing::TestServer;

class SecurityTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // In one step, as tools that renew certificates do it.
  std::string Put(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path + ".new", std::ios::binary) << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }
  ServerOptions WithTls(const PemPair& pair) {
    ServerOptions options;
    options.tls.certificate = Put("server.crt", pair.certificate);
    options.tls.key = Put("server.key", pair.key);
    options.tls.reload_interval = absl::Seconds(1);
    return options;
  }
  static grpc::Status Call(const TestServer& server, const std::string& authority,
                           const PemPair& client = {}, const std::string& token = "") {
    std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
    if (!authority.empty()) {
      credentials = grpc::SslCredentials({authority, client.key, client.certificate});
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::StrataService::NewStub(
        grpc::CreateCustomChannel(server.address(), credentials, arguments));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
    v1::ClassifyRequest request;
    request.mutable_document()->set_content("One two three.");
    v1::ClassifyResponse response;
    return stub->Classify(&context, request, &response);
  }

  const std::string folder_ = ::testing::TempDir() + "/security_test_" + std::to_string(::getpid());
};

TEST_F(SecurityTest, TlsIsWhatItSays) {
  const CertificateAuthority authority, stranger;
  TestServer server({}, {}, WithTls(authority.Issue("server")));
  EXPECT_TRUE(Call(server, authority.certificate()).ok());
  EXPECT_EQ(Call(server, stranger.certificate()).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_FALSE(Call(server, "").ok());  // plain text
}

TEST_F(SecurityTest, MutualTlsWantsACertificateOfItsAuthority) {
  const CertificateAuthority authority, stranger;
  ServerOptions options = WithTls(authority.Issue("server"));
  options.tls.client_ca = Put("clients.crt", authority.certificate());
  TestServer server({}, {}, options);
  EXPECT_TRUE(Call(server, authority.certificate(), authority.Issue("client")).ok());
  EXPECT_FALSE(Call(server, authority.certificate()).ok());
  EXPECT_FALSE(Call(server, authority.certificate(), stranger.Issue("client")).ok());
}

TEST_F(SecurityTest, ARenewedCertificateIsTakenWithoutARestart) {
  const CertificateAuthority old_authority, new_authority;
  TestServer server({}, {}, WithTls(old_authority.Issue("server")));
  ASSERT_TRUE(Call(server, old_authority.certificate()).ok());
  WithTls(new_authority.Issue("server"));
  const absl::Time until = absl::Now() + absl::Seconds(20);
  while (!Call(server, new_authority.certificate()).ok() && absl::Now() < until) {
    absl::SleepFor(absl::Milliseconds(100));
  }
  EXPECT_TRUE(Call(server, new_authority.certificate()).ok());
  EXPECT_FALSE(Call(server, old_authority.certificate()).ok());
}

TEST_F(SecurityTest, WrongFilesAreNamedAtTheStart) {
  const CertificateAuthority authority;
  const PemPair one = authority.Issue("one"), two = authority.Issue("two");
  const auto error = [](const TlsFiles& files) {
    return std::string(MakeServerCredentials(files).status().message());
  };
  const std::string certificate = Put("one.crt", one.certificate);
  const std::string key = Put("two.key", two.key);
  EXPECT_THAT(error({.certificate = certificate}), HasSubstr("--tls-key"));
  EXPECT_THAT(error({.certificate = certificate, .key = key}), HasSubstr("two.key"));
  EXPECT_THAT(error({.certificate = certificate, .key = "/no/such.key"}),
              HasSubstr("/no/such.key"));
  EXPECT_THAT(error({.certificate = key, .key = key}), HasSubstr("no PEM certificate"));
  EXPECT_THAT(error({.client_ca = certificate}), HasSubstr("mutual"));
}

TEST_F(SecurityTest, TokensGuardOurMethodsAndNotTheHealthOfTheServer) {
  ServerOptions options;
  options.tokens_file = Put("tokens.json", R"({"tokens": [{"name": "t", "sha256":
    "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb", "scopes": ["infer"]}]})");
  TestServer server({}, {}, options);
  EXPECT_TRUE(Call(server, "", {}, "open sesame").ok());
  const grpc::Status none = Call(server, "");
  EXPECT_EQ(none.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(testing::DetailsOf(none).info.reason(), "TOKEN_MISSING");
  EXPECT_EQ(Call(server, "", {}, "wrong").error_code(), grpc::StatusCode::UNAUTHENTICATED);

  const auto stub = server.NewStub();
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer open sesame");
    v1::ListModelsResponse response;
    EXPECT_EQ(stub->ListModels(&context, {}, &response).error_code(),
              grpc::StatusCode::PERMISSION_DENIED);
  }
  grpc::ClientContext context;
  const auto stream = stub->ClassifyStream(&context);
  v1::ClassifyStreamResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace strata::service
