// Versions, labels, checksums, exchange and memory of the model repository, with the null engine.
#include "services/runtime/model_repository.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/runtime/available_memory.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/runtime.h"
#include "services/runtime/testing/null_engine.h"

namespace strata::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

void WriteFile(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// The file that stands for a checkpoint holds one number, the hidden size of the null engine that
// it becomes; a text instead of it does not load.
absl::StatusOr<std::shared_ptr<const models::Engine>> LoadNumber(const std::string& folder) {
  const int hidden_size = std::atoi(ReadFile(fs::path(folder) / "weights").c_str());
  if (hidden_size <= 0) return absl::InvalidArgumentError("weights: not a number");
  testing::NullEngineOptions options;
  options.hidden_size = hidden_size;
  options.weight_bytes = int64_t{hidden_size} * 100;
  return testing::MakeNullEngine(options);
}

class ModelRepositoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "strata_repository_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  // The checksums come from coreutils, not from the code under test.
  static void Sum(const fs::path& folder) {
    const std::string command =
        absl::StrCat("cd '", folder.string(), "' && rm -f SHA256SUMS && sha256sum * > SHA256SUMS");
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  fs::path AddVersion(const std::string& model, int version, const std::string& weights) {
    const fs::path folder = root_ / model / absl::StrCat(version);
    fs::create_directories(folder);
    WriteFile(folder / "weights", weights);
    WriteFile(folder / "empty", "");
    Sum(folder);
    return folder;
  }
  void SetPlan(const std::string& model, const std::string& json) {
    WriteFile(root_ / model / "model.json", json);
  }
  std::unique_ptr<ModelRepository> Open(ModelRepositoryOptions options = {}) {
    options.folder = root_.string();
    auto opened = ModelRepository::Open(options, LoadNumber);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static int64_t VersionOf(const ModelRepository& models, const std::string& reference) {
    const auto found = models.Find(reference);
    return found.ok() ? (*found)->version : 0;
  }

  fs::path root_;
};

TEST_F(ModelRepositoryTest, ServesTheLatestByDefault) {
  AddVersion("a", 1, "1");
  AddVersion("a", 2, "2");
  AddVersion("a", 10, "10");
  AddVersion("b", 7, "7");
  fs::create_directories(root_ / "a" / "11.partial");
  fs::create_directories(root_ / "a" / "012");
  WriteFile(root_ / "readme.txt", "not a model");
  const auto models = Open();
  EXPECT_THAT(models->names(), ElementsAre("a", "b"));
  EXPECT_EQ(VersionOf(*models, "a"), 10);
  EXPECT_EQ(VersionOf(*models, ""), 10);  // the first is the default
  EXPECT_EQ(VersionOf(*models, "b"), 7);
  EXPECT_EQ((*models->Find("a"))->engine->info().hidden_size, 10);
  const absl::Status older = models->Find("a@2").status();
  EXPECT_EQ(older.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(older.message()), HasSubstr("version 2"));
  EXPECT_EQ(models->Find("c").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ModelRepositoryTest, PoliciesAndLabels) {
  for (int version = 1; version <= 4; ++version) AddVersion("a", version, "5");
  SetPlan("a", R"({"version_policy": "all", "labels": {"stable": 2, "canary": 4}})");
  const auto models = Open();
  EXPECT_EQ(models->served().size(), 4u);
  EXPECT_EQ(VersionOf(*models, "a@stable"), 2);
  EXPECT_EQ(VersionOf(*models, "a@canary"), 4);
  EXPECT_EQ(VersionOf(*models, "a@3"), 3);
  EXPECT_EQ(VersionOf(*models, "a"), 4);
  EXPECT_THAT(std::string(models->Find("a@nightly").status().message()), HasSubstr("nightly"));

  SetPlan("a", R"({"version_policy": {"latest": 2}})");
  ASSERT_TRUE(models->Load("a").ok());
  EXPECT_EQ(VersionOf(*models, "a@2"), 0);
  EXPECT_EQ(VersionOf(*models, "a@3"), 3);
  EXPECT_EQ(VersionOf(*models, "a@stable"), 0);

  SetPlan("a", R"({"version_policy": {"specific": [3, 1]}, "labels": {"stable": 1}})");
  ASSERT_TRUE(models->Load("a").ok());
  EXPECT_EQ(VersionOf(*models, "a"), 3);
  EXPECT_EQ(VersionOf(*models, "a@stable"), 1);
  EXPECT_EQ(VersionOf(*models, "a@4"), 0);

  // A plan that makes no sense is refused whole, and what was served goes on.
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"version_policy": {"latest": 0}})", "latest"},
      {R"({"version_policy": "newest"})", "version_policy"},
      {R"({"version_policy": {"specific": []}})", "specific"},
      {R"({"version_policy": {"specific": [9]}})", "version 9"},
      {R"({"labels": {"stable": 2}})", "stable"},
      {R"({"labels": {"7": 4}})", "7"},
      {R"({"labels": {"a@b": 4}})", "a@b"},
      {R"({"polices": {}})", "polices"},
      {R"({"warm_up": 1})", "warm_up"},
      {R"([])", "object"},
      {"{", "object"}};
  for (const auto& [plan, word] : wrong) {
    SetPlan("a", plan);
    const absl::Status status = models->Load("a");
    EXPECT_FALSE(status.ok()) << plan;
    EXPECT_THAT(std::string(status.message()), HasSubstr(word)) << plan;
    EXPECT_EQ(VersionOf(*models, "a"), 3) << plan;
    EXPECT_EQ(VersionOf(*models, "a@stable"), 1) << plan;
  }
}

TEST_F(ModelRepositoryTest, ChecksumsAreVerified) {
  AddVersion("good", 1, "5");
  const auto models = Open();
  const std::pair<const char*, std::function<void(const fs::path&)>> damages[] = {
      {"weights", [](const fs::path& v) { WriteFile(v / "weights", "6"); }},
      {"extra", [](const fs::path& v) { WriteFile(v / "extra", "x"); }},
      {"empty", [](const fs::path& v) { fs::remove(v / "empty"); }},
      {"missing", [](const fs::path& v) { fs::remove(v / "SHA256SUMS"); }},
      {"line 1", [](const fs::path& v) { WriteFile(v / "SHA256SUMS", "garbage\n"); }},
      {"twice",
       [](const fs::path& v) {
         WriteFile(v / "SHA256SUMS", ReadFile(v / "SHA256SUMS") + ReadFile(v / "SHA256SUMS"));
       }},
      {"line 1",
       [](const fs::path& v) {
         WriteFile(v / "SHA256SUMS", std::string(64, 'a') + "  ../weights\n");
       }},
  };
  for (const auto& [word, damage] : damages) {
    damage(AddVersion("bad", 1, "5"));
    const absl::Status status = models->Load("bad");
    EXPECT_TRUE(status.code() == absl::StatusCode::kDataLoss ||
                status.code() == absl::StatusCode::kNotFound)
        << word << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(word));
    EXPECT_EQ(DetailOf(models->Find("bad").status()).reason, "MODEL_NOT_LOADED");
    fs::remove_all(root_ / "bad");
  }
  // Hidden files are nobody's.
  WriteFile(AddVersion("bad", 1, "5") / ".hidden", "x");
  EXPECT_TRUE(models->Load("bad").ok());
  EXPECT_EQ(VersionOf(*models, "bad"), 1);
}

TEST_F(ModelRepositoryTest, FailedLoadLeavesTheOldOne) {
  AddVersion("a", 1, "5");
  AddVersion("broken", 1, "none");
  const auto models = Open();
  // The others are served, and the index says why one is not.
  EXPECT_THAT(models->names(), ElementsAre("a"));
  std::vector<std::pair<std::string, std::string>> reasons;
  for (const ModelStatus& status : models->Index())
    reasons.emplace_back(status.name, status.reason);
  EXPECT_THAT(reasons, ElementsAre(Pair("a", ""), Pair("broken", "weights: not a number")));

  const auto before = *models->Find("a");
  AddVersion("a", 2, "none");
  EXPECT_EQ(models->Load("a").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*models->Find("a"), before);
  EXPECT_EQ(models->Index()[1].version, 2);
  EXPECT_EQ(models->Index()[1].state, ModelState::kUnavailable);
  AddVersion("a", 2, "6");
  EXPECT_TRUE(models->Load("a").ok());
  EXPECT_EQ(VersionOf(*models, "a"), 2);
  // Its call still holds the old one.
  EXPECT_EQ(models->Index().back().state, ModelState::kUnloading);
}

TEST_F(ModelRepositoryTest, SameFilesAreNotLoadedTwice) {
  AddVersion("a", 1, "5");
  const auto models = Open();
  const auto before = *models->Find("a");
  ASSERT_TRUE(models->Load("a").ok());
  EXPECT_EQ(*models->Find("a"), before);
  AddVersion("a", 1, "6");  // other files under the same number
  ASSERT_TRUE(models->Load("a").ok());
  EXPECT_NE((*models->Find("a"))->digest, before->digest);
  EXPECT_EQ((*models->Find("a"))->engine->info().hidden_size, 6);
}

TEST_F(ModelRepositoryTest, UnloadKeepsWhatIsInUse) {
  AddVersion("a", 1, "5");
  AddVersion("b", 1, "5");
  const auto models = Open();
  auto held = *models->Find("a");
  ASSERT_TRUE(models->Unload("a").ok());
  EXPECT_EQ(held->engine->info().hidden_size, 5);
  EXPECT_EQ(models->Find("a").status().code(), absl::StatusCode::kUnavailable);
  // The default does not become another model behind the callers' backs.
  EXPECT_EQ(models->Find("").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(models->names(), ElementsAre("b"));
  EXPECT_EQ(models->Unload("c").code(), absl::StatusCode::kNotFound);
  held = nullptr;
  EXPECT_EQ(models->Index().size(), 2u);
  ASSERT_TRUE(models->Load("a").ok());
  EXPECT_EQ(VersionOf(*models, ""), 1);
}

TEST_F(ModelRepositoryTest, NewModelsComeWhileItRuns) {
  const auto models = Open();  // of an empty folder
  EXPECT_TRUE(models->names().empty());
  EXPECT_EQ(models->Find("").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(models->Load("late").code(), absl::StatusCode::kNotFound);
  AddVersion("late", 3, "5");
  EXPECT_TRUE(models->Load("late").ok());
  EXPECT_EQ(VersionOf(*models, "late"), 3);
  for (const char* name : {"", "..", "../x", "a/b", ".hidden", "a@1", "a\n"}) {
    EXPECT_EQ(models->Load(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST_F(ModelRepositoryTest, MemoryIsCheckedBeforeLoading) {
  AddVersion("a", 1, "5");
  ModelRepositoryOptions options;
  options.max_model_bytes = 1000;
  const auto models = Open(options);
  AddVersion("big", 1, std::string(2000, '5'));
  absl::Status status = models->Load("big");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_model_bytes"));

  // What a small file becomes can be large.
  AddVersion("grows", 1, "11");
  status = models->Load("grows");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("its weights have 1100 bytes"));
  EXPECT_FALSE(models->Find("grows").ok());

  // More than any machine has: refused by size, long before anybody reads it.
  EXPECT_GT(AvailableMemoryBytes(), 0);
  const auto unbounded = Open();
  AddVersion("sparse", 1, "5");
  fs::resize_file(root_ / "sparse" / "1" / "weights", uintmax_t{1} << 43);
  status = unbounded->Load("sparse");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("memory are free"));
}

TEST_F(ModelRepositoryTest, PlainFoldersCanBeLoadedAgain) {
  WriteFile(root_ / "weights", "5");
  ModelRepositoryOptions options;
  options.models = {{"plain", root_.string()}};
  auto models = ModelRepository::Open(options, LoadNumber);
  ASSERT_TRUE(models.ok()) << models.status();
  EXPECT_EQ(VersionOf(**models, "plain@1"), 1);
  WriteFile(root_ / "weights", "6");
  ASSERT_TRUE((*models)->Load("plain").ok());
  EXPECT_EQ((*(*models)->Find("plain"))->engine->info().hidden_size, 6);
  WriteFile(root_ / "weights", "none");
  EXPECT_FALSE((*models)->Load("plain").ok());
  EXPECT_EQ((*(*models)->Find("plain"))->engine->info().hidden_size, 6);
  // At the start it must load.
  EXPECT_FALSE(ModelRepository::Open(options, LoadNumber).ok());
}

TEST_F(ModelRepositoryTest, WatchersHearOfEachChange) {
  AddVersion("a", 1, "5");
  AddVersion("b", 1, "none");
  const auto models = Open();
  std::vector<std::pair<std::string, bool>> seen;
  const int64_t id =
      models->Watch([&](const std::string& name, bool ready) { seen.emplace_back(name, ready); });
  EXPECT_THAT(seen, UnorderedElementsAre(Pair("a", true), Pair("b", false)));
  seen.clear();
  ASSERT_TRUE(models->Unload("a").ok());
  std::promise<absl::Status> loaded;
  models->LoadLater("a", [&](absl::Status status) { loaded.set_value(std::move(status)); });
  EXPECT_TRUE(loaded.get_future().get().ok());
  EXPECT_THAT(seen, ElementsAre(Pair("a", false), Pair("a", true)));
  models->Unwatch(id);
  ASSERT_TRUE(models->Unload("a").ok());
  EXPECT_EQ(seen.size(), 2u);
  models->Stop();
  std::promise<absl::Status> refused;
  models->LoadLater("a", [&](absl::Status status) { refused.set_value(std::move(status)); });
  EXPECT_EQ(refused.get_future().get().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ModelRepositoryTest, WarmUpIsBoundedAndCanBeTurnedOff) {
  std::atomic<int> num_passes{0};
  std::atomic<bool> slow{false}, failing{false};
  const auto loader = [&](const std::string&) {
    testing::NullEngineOptions options;
    options.on_run = [&](absl::Span<const models::WorkItem>) {
      ++num_passes;
      if (failing) throw std::runtime_error("no");
    };
    options.num_layers = 1000;
    options.layer_time = slow ? absl::Milliseconds(10) : absl::ZeroDuration();
    return absl::StatusOr<std::shared_ptr<const models::Engine>>(testing::MakeNullEngine(options));
  };
  AddVersion("a", 1, "5");
  ModelRepositoryOptions options;
  options.folder = root_.string();
  ASSERT_TRUE(ModelRepository::Open(options, loader).ok());
  EXPECT_EQ(num_passes, 0);
  options.warm_up = absl::Seconds(20);
  ASSERT_TRUE(ModelRepository::Open(options, loader).ok());
  EXPECT_EQ(num_passes, 2);

  slow = true;  // a pass would take 10 s
  options.warm_up = absl::Milliseconds(100);
  const absl::Time begin = absl::Now();
  auto models = ModelRepository::Open(options, loader);
  ASSERT_TRUE(models.ok());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  EXPECT_EQ((*models)->names().size(), 1u);

  slow = false;
  failing = true;
  AddVersion("a", 2, "5");
  EXPECT_THAT(std::string((*models)->Load("a").message()), HasSubstr("warm-up"));
  EXPECT_EQ(VersionOf(**models, "a"), 1);
  SetPlan("a", R"({"warm_up": false})");
  EXPECT_TRUE((*models)->Load("a").ok());
  EXPECT_EQ(VersionOf(**models, "a"), 2);
}

// The promise of the repository: under full load, a hundred exchanges and no failed call; every
// call is answered whole by one version.
TEST_F(ModelRepositoryTest, HundredHotSwapsUnderLoad) {
  constexpr int kSwaps = 100;
  AddVersion("a", 1, "1");
  RuntimeOptions options;
  options.repository = root_.string();
  options.prepare_threads = 2;
  options.warm_up = absl::Milliseconds(50);
  auto created = Runtime::CreateWithLoader(options, LoadNumber);
  ASSERT_TRUE(created.ok()) << created.status();
  Runtime& runtime = **created;

  std::atomic<bool> stop{false};
  std::atomic<int> num_calls{0}, num_failed{0}, num_mixed{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      while (!stop) {
        std::vector<std::future<void>> answers;
        for (int i = 0; i < 8; ++i) {
          Request request;
          request.document = "One two three. Four five.";
          request.format = models::DocumentFormat::kPlainText;
          request.task.task = models::Task::kEmbed;
          request.task.levels = {models::EmbeddingLevel::kDocument};
          auto promise = std::make_shared<std::promise<void>>();
          answers.push_back(promise->get_future());
          runtime.Submit(std::move(request), [&, promise](const absl::StatusOr<Response>& answer) {
            ++num_calls;
            if (!answer.ok()) {
              ++num_failed;
            } else if (static_cast<int64_t>(answer->result.embeddings[0].values.size()) !=
                       answer->model_version) {
              ++num_mixed;
            }
            promise->set_value();
          });
        }
        for (auto& answer : answers) answer.get();
      }
    });
  }
  int version = 1;
  for (; version <= kSwaps; ++version) {
    AddVersion("a", version + 1, absl::StrCat(version + 1));
    ASSERT_TRUE(runtime.models().Load("a").ok());
    fs::remove_all(root_ / "a" / absl::StrCat(version));
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(VersionOf(runtime.models(), "a"), version);
  EXPECT_GT(num_calls, 10 * kSwaps);
  EXPECT_EQ(num_failed, 0);
  EXPECT_EQ(num_mixed, 0);
  // The old ones are gone with their last calls.
  EXPECT_EQ(runtime.models().Index().size(), 1u);
}

}  // namespace
}  // namespace strata::runtime
