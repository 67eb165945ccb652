// The program itself, as a user runs it: bin/strata with the model that comes with Strata.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class CliRunTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_ + "/in");
  }
  void TearDown() override { fs::remove_all(root_); }

  static std::string Read(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
  }
  std::string Put(const std::string& name, const std::string& content) {
    std::ofstream(root_ + "/" + name, std::ios::binary) << content;
    return root_ + "/" + name;
  }

  // Starts bin/strata; its output goes to the files out and err.
  pid_t Start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), STRATA_BINARY_DIR "/bin/strata");
    const pid_t child = ::fork();
    if (child != 0) return child;
    const int out = ::open((root_ + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    const int err = ::open((root_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  Outcome Run(std::vector<std::string> arguments) {
    int status = 0;
    ::waitpid(Start(std::move(arguments)), &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read(root_ + "/out"),
            Read(root_ + "/err")};
  }

  const std::string root_ = testing::TempDir() + "/cli_run_test_" + std::to_string(::getpid());
};

// About `num_sentences` sentences on one subject or another.
std::string Text(int index, int num_sentences) {
  std::string text = "# Chapter " + std::to_string(index) + "\n\n";
  for (int i = 0; i < num_sentences; ++i) {
    text += index % 2 == 0 ? "The force on a moving charge is at right angles to its velocity. "
                           : "Supply and demand set the price of a good in a free market. ";
    if (i % 7 == 6) text += "\n\n## Part " + std::to_string(i) + "\n\n";
  }
  return text;
}

TEST_F(CliRunTest, ClassifyShowsClassAndWhatCounted) {
  const std::string file = Put("in/a.md", Text(0, 20));
  const Outcome outcome = Run({"classify", file});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("%"));
  EXPECT_THAT(outcome.out, HasSubstr("Sentences that counted most"));
  EXPECT_THAT(outcome.err, HasSubstr("openstax-subjects"));

  const Outcome json = Run({"classify", "--json", "--explain", file});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto parsed = nlohmann::json::parse(json.out);
  EXPECT_EQ(parsed["status"], "OK");
  EXPECT_EQ(parsed["id"], file);
  EXPECT_EQ(parsed["labels"].size(), 25);
  EXPECT_FALSE(parsed["sentences"].empty());
}

TEST_F(CliRunTest, ErrorsAreSaidAndCounted) {
  const std::string good = Put("in/a.md", Text(0, 5));
  const std::string bad = Put("in/b.txt", std::string("\xff\xfe\x00 no text", 12));
  const Outcome outcome = Run({"classify", "--json", bad, "/no/such/file", good});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(bad + ": "));
  EXPECT_THAT(outcome.err, HasSubstr("/no/such/file"));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 3);
  EXPECT_EQ(Run({"classify"}).exit_code, 2);
  EXPECT_EQ(Run({"classify", "--top-k", "-1", good}).exit_code, 2);
  EXPECT_EQ(Run({"nonsense"}).exit_code, 2);
  const Outcome no_model = Run({"classify", "--model", "/no/such/model", good});
  EXPECT_EQ(no_model.exit_code, 1);
  EXPECT_THAT(no_model.err, HasSubstr("/no/such/model"));
  EXPECT_EQ(Run({"verify", "/no/such/case"}).exit_code, 1);
  EXPECT_EQ(Run({"serve", "--no-such-flag"}).exit_code, 2);
  EXPECT_EQ(Run({"serve", "--model", "/no/such/model"}).exit_code, 1);
  const auto error = nlohmann::json::parse(Run({"tokenize", "--json", "/no/such/file"}).out);
  EXPECT_EQ(error["status"], "NOT_FOUND");
}

TEST_F(CliRunTest, EveryCommandExplainsItself) {
  for (const char* command :
       {"classify", "batch", "embed", "inspect", "tokenize", "eval", "train", "verify"}) {
    const Outcome outcome = Run({command, "--help"});
    EXPECT_EQ(outcome.exit_code, 0) << command;
    EXPECT_THAT(outcome.out, HasSubstr("Example")) << command;
    EXPECT_THAT(outcome.out, HasSubstr("--json")) << command;
  }
}

TEST_F(CliRunTest, InspectAndTokenize) {
  const std::string file = Put("in/a.md", "# Title\n\nOne sentence. And another.\n");
  const auto structure = nlohmann::json::parse(Run({"inspect", "--json", file}).out);
  EXPECT_EQ(structure["format"], "markdown");
  EXPECT_EQ(structure["nodes"][0]["kind"], "document");
  EXPECT_THAT(Run({"inspect", file}).out, HasSubstr("└─"));
  const auto deep = nlohmann::json::parse(Run({"inspect", "--tokens", "--json", file}).out);
  EXPECT_GT(deep["nodes"].size(), structure["nodes"].size());
  EXPECT_EQ(deep["nodes"].back()["kind"], "token");
  EXPECT_EQ(deep["nodes"].back()["text"], ".");
  const auto tokens = nlohmann::json::parse(Run({"tokenize", file}).out);
  EXPECT_FALSE(tokens["ids"].empty());
  EXPECT_EQ(tokens["ids"].size(), tokens["offsets"].size());
}

// JSON cannot hold such a name as it is: its id must be one of its own, and the same in every run.
TEST_F(CliRunTest, ABatchTakesNamesThatAreNotUtf8) {
  Put("in/caf\xe9.md", Text(0, 5));
  Put("in/caf\xe8.md", Text(1, 5));
  const std::string out = root_ + "/out.jsonl";
  EXPECT_EQ(Run({"batch", root_ + "/in", out}).exit_code, 0);
  const std::string first = Read(out);
  EXPECT_THAT(first, HasSubstr("file:" + root_ + "/in/caf%E9.md"));
  EXPECT_THAT(first, HasSubstr("file:" + root_ + "/in/caf%E8.md"));
  EXPECT_EQ(Run({"batch", root_ + "/in", out}).exit_code, 0);
  EXPECT_EQ(Read(out), first);
}

// kill -9 again and again: in the end every document has one line, none is lost, none doubled, and
// the answers are those of a run that was left alone.
TEST_F(CliRunTest, ABatchThatIsKilledLosesAndDoublesNothing) {
  constexpr int kDocuments = 120;
  for (int i = 0; i < kDocuments; ++i) {
    Put("in/" + std::to_string(1000 + i) + ".md", Text(i, 300));
  }
  Put("in/broken.txt", std::string("\xff\xfe\x00", 3));
  const auto labels = [](const std::string& path) {
    std::multimap<std::string, std::string> found;
    std::istringstream lines(Read(path));
    for (std::string line; std::getline(lines, line);) {
      const auto json = nlohmann::json::parse(line);
      found.emplace(json["id"], json["status"] == "OK" ? json["label"] : json["status"]);
    }
    return found;
  };
  const std::string whole = root_ + "/whole.jsonl";
  EXPECT_EQ(Run({"batch", root_ + "/in", whole}).exit_code, 1);  // one failed
  const auto expected = labels(whole);
  EXPECT_EQ(expected.size(), kDocuments + 1);

  const std::string path = root_ + "/killed.jsonl";
  int num_kills = 0;
  int exit_code = -1;
  while (exit_code == -1) {
    const auto size = fs::exists(path) ? fs::file_size(path) : 0;
    const pid_t child = Start({"batch", "--in-flight", "2", "--threads", "1", root_ + "/in", path});
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (num_kills < 4 && fs::exists(path) && fs::file_size(path) > size + 8000) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        ++num_kills;
        // As if the last write had been cut, too.
        if (num_kills % 2 == 0) fs::resize_file(path, fs::file_size(path) - 5);
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (WIFEXITED(status)) exit_code = WEXITSTATUS(status);
  }
  EXPECT_GE(num_kills, 2);
  EXPECT_EQ(exit_code, 1);
  EXPECT_EQ(labels(path), expected);
  // Nothing is left to do.
  const auto size = fs::file_size(path);
  EXPECT_EQ(Run({"batch", root_ + "/in", path}).exit_code, 1);
  EXPECT_EQ(fs::file_size(path), size);
}

}  // namespace
}  // namespace strata::cli
