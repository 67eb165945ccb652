// The whole way with a real model: bytes over the wire, reader, tokenizer, packed pass, answer.
// Takes the text models of models/zoo, else the smallest golden encoder of ../shared.
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {
namespace {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, std::string>> FindModels() {
  std::vector<std::pair<std::string, std::string>> models;
  const fs::path zoo = fs::path(STRATA_SOURCE_DIR) / "models" / "zoo";
  if (fs::is_directory(zoo)) {
    for (const auto& entry : fs::directory_iterator(zoo)) {
      // Of images and sounds there is none: the documents below are texts.
      if (fs::exists(entry.path() / "spiece.model")) {
        models.emplace_back(entry.path().filename().string(), entry.path().string());
      }
    }
  }
  const fs::path golden = fs::path(STRATA_SHARED_DIR) / "goldens" / "hdt" / "enc_two_documents";
  if (fs::exists(golden / "config.json")) {
    models.emplace_back("golden", golden.string());
  } else {
    std::cout << "shared data absent: " << golden << "\n";
  }
  return models;
}

v1::Document MakeDocument(int sentences) {
  v1::Document document;
  document.set_id(absl::StrCat("d", sentences));
  std::string text = "# Rivers\n\nWater runs downhill.\n\n## Deltas\n\n";
  for (int i = 0; i < sentences; ++i) absl::StrAppend(&text, "Sentence ", i, " tells of silt. ");
  document.set_content(text);
  document.set_file_name("rivers.md");
  return document;
}

// The vectors or scores of one document, as one list.
std::vector<float> Answer(v1::StrataService::Stub& stub, const v1::Model& model,
                          const v1::Document& document) {
  grpc::ClientContext context;
  std::vector<float> numbers;
  if (model.labels_size() > 0) {
    v1::ClassifyRequest request;
    request.set_model(model.name());
    *request.mutable_document() = document;
    request.mutable_options()->set_explain(true);
    v1::ClassifyResponse response;
    const grpc::Status status = stub.Classify(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.result().labels_size(), model.labels_size());
    if (model.label_level() == v1::NODE_KIND_DOCUMENT) {
      EXPECT_GT(response.result().sentences_size(), 0);
    } else {
      EXPECT_GT(response.result().labelled_nodes_size(), 0);
    }
    for (const v1::LabelledNode& node : response.result().labelled_nodes()) {
      for (const v1::LabelScore& score : node.labels()) numbers.push_back(score.probability());
    }
    for (const v1::LabelScore& score : response.result().labels()) {
      numbers.push_back(score.logit());
    }
    return numbers;
  }
  v1::EmbedRequest request;
  request.set_model(model.name());
  *request.mutable_document() = document;
  request.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_DOCUMENT);
  request.mutable_options()->add_levels(v1::EMBEDDING_LEVEL_SENTENCE);
  v1::EmbedResponse response;
  const grpc::Status status = stub.Embed(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  for (const v1::Embedding& embedding : response.result().embeddings()) {
    EXPECT_EQ(embedding.values_size(), model.hidden_size());
    numbers.insert(numbers.end(), embedding.values().begin(), embedding.values().end());
  }
  return numbers;
}

TEST(RealEngineTest, SameAnswersAloneAndAmongOthers) {
  runtime::RuntimeOptions options;
  options.models = FindModels();
  if (options.models.empty()) return;  // FindModels has said what is absent
  auto runtime = runtime::Runtime::Create(options);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  ServerOptions server_options;
  server_options.listen_address = "127.0.0.1:0";
  auto server = Server::Start(server_options, runtime->get());
  ASSERT_TRUE(server.ok()) << server.status();
  const auto stub = v1::StrataService::NewStub(
      grpc::CreateChannel((*server)->address(), grpc::InsecureChannelCredentials()));
  v1::ListModelsResponse models;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->ListModels(&context, v1::ListModelsRequest(), &models).ok());
  ASSERT_EQ(static_cast<size_t>(models.models_size()), options.models.size());
  for (const v1::Model& model : models.models()) {
    ASSERT_GT(model.tasks_size(), 0);
    std::vector<std::vector<float>> alone;
    for (int d = 1; d <= 6; ++d) {
      alone.push_back(Answer(*stub, model, MakeDocument(d)));
      EXPECT_FALSE(alone.back().empty());
    }
    std::vector<std::vector<float>> together(alone.size());
    std::vector<std::thread> clients;
    for (size_t d = 0; d < alone.size(); ++d) {
      clients.emplace_back(
          [&, d] { together[d] = Answer(*stub, model, MakeDocument(static_cast<int>(d) + 1)); });
    }
    for (std::thread& client : clients) client.join();
    for (size_t d = 0; d < alone.size(); ++d) {
      ASSERT_EQ(together[d].size(), alone[d].size()) << model.name();
      for (size_t i = 0; i < alone[d].size(); ++i) {
        // What else is in a batch may change the rounding of the matrix products, nothing more.
        EXPECT_NEAR(together[d][i], alone[d][i], 1e-4) << model.name() << " " << d << " " << i;
      }
    }
    EXPECT_NE(alone[0], alone[5]) << model.name();
  }
}

TEST(RealEngineTest, FolderThatIsNoModelIsNamed) {
  runtime::RuntimeOptions options;
  options.models = {{"none", std::string(STRATA_SOURCE_DIR) + "/no_such_folder"}};
  const auto runtime = runtime::Runtime::Create(options);
  ASSERT_FALSE(runtime.ok());
  EXPECT_NE(runtime.status().message().find("model 'none'"), absl::string_view::npos);
}

}  // namespace
}  // namespace strata::service
