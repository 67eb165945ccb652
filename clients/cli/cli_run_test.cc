// The program itself, as a user runs it: bin/strata with the model that comes with Strata.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "nlohmann/json.hpp"

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

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
    ::dup2(::open(input_.c_str(), O_RDONLY), STDIN_FILENO);
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
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            fs::is_regular_file(root_ + "/out") ? Read(root_ + "/out") : "", Read(root_ + "/err")};
  }

  std::string input_ = "/dev/null";  // what is read as the standard input
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
  EXPECT_EQ(outcome.err, "");  // which model it is, is told on a terminal only

  const Outcome json = Run({"classify", "--json", "--explain", file});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto parsed = nlohmann::json::parse(json.out);
  EXPECT_EQ(parsed["status"], "OK");
  EXPECT_EQ(parsed["id"], file);
  EXPECT_EQ(parsed["labels"].size(), 25);
  EXPECT_FALSE(parsed["sentences"].empty());
}

TEST_F(CliRunTest, SummarizeTakesSentencesWithinTheBudget) {
  const std::string file = STRATA_SOURCE_DIR "/samples/muscle_contraction.md";
  const std::string bytes = Read(file);
  const Outcome json = Run({"summarize", "--json", "--max-words", "50", file});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto parsed = nlohmann::json::parse(json.out);
  EXPECT_EQ(parsed["method"], "extractive");
  const std::string summary = parsed["summary"];
  std::istringstream words(summary);
  EXPECT_LE(std::distance(std::istream_iterator<std::string>(words), {}), 50);
  ASSERT_FALSE(parsed["sources"].empty());
  for (const auto& source : parsed["sources"]) {
    const std::size_t begin = source["summary_bytes"][0], end = source["summary_bytes"][1];
    EXPECT_EQ(summary.substr(begin, end - begin), source["text"]);
    EXPECT_LT(source["bytes"][1], bytes.size() + 1);
  }
  const Outcome text = Run({"summarize", "--max-words", "50", file});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr(summary.substr(0, 30)));
  EXPECT_THAT(text.out, HasSubstr("Sentences taken"));
  const Outcome refused = Run({"summarize", "--method", "abstractive", file});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("no decoder"));
  EXPECT_EQ(Run({"summarize", "--max-words", "-3", file}).exit_code, 2);
}

TEST_F(CliRunTest, SummarizeWritesWithAModelThatCan) {
  const std::string model = root_ + "/writer";
  ASSERT_EQ(std::system((STRATA_BINARY_DIR "/tests/write_tiny_model " + model).c_str()), 0);
  const std::string file = Put("in/a.md", Text(1, 4));
  const Outcome json =
      Run({"summarize", "--json", "--model", model, "--beams", "2", "--max-new-tokens", "9", file});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto parsed = nlohmann::json::parse(json.out);
  EXPECT_EQ(parsed["method"], "abstractive");
  EXPECT_NE(parsed["summary"], "");
  EXPECT_LE(parsed["new_tokens"], 9);
  EXPECT_FALSE(parsed["sources"].empty());
  const Outcome text =
      Run({"summarize", "--model", model, "--beams", "2", "--max-new-tokens", "9", file});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr(parsed["summary"].get<std::string>()));
  EXPECT_THAT(text.out, HasSubstr("Sentences it read the most"));
  EXPECT_EQ(Run({"summarize", "--model", model, "--query", "<S2S>", file}).exit_code, 0);
}

// From labelled sentences to a model that labels those of a text.
TEST_F(CliRunTest, SentencesAreLabelledByAModelThatWasTrained) {
  std::string lines;
  for (int d = 0; d < 24; ++d) {
    const std::string n = std::to_string(d);
    lines += R"({"sentences":["We know the old tide )" + n +
             R"( well.","We measure the new soil )" + n +
             R"( here."],"labels":["background","method"],"summary":"The old tide."})" + "\n";
  }
  const std::string file = Put("roles.jsonl", lines), model = root_ + "/roles";
  const Outcome trained = Run({"train", "--task",          "sentences", file,
                               model,   "--vocab-size",    "300",       "--d-model",
                               "32",    "--d-kv",          "16",        "--d-ff",
                               "32",    "--epochs",        "20",        "--batch",
                               "4",     "--learning-rate", "0.01",      "--threads",
                               "1",     "--class-balance", "0.5",       "--json"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Outcome scored = Run({"eval", "--json", "--model", model, file});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  const auto score = nlohmann::json::parse(scored.out);
  EXPECT_EQ(score["num_documents"], 24);
  EXPECT_EQ(score["num_labels"], 48);
  EXPECT_GE(score["accuracy"], 0.95);
  EXPECT_LE(score["accuracy_interval"][0], score["accuracy"]);
  EXPECT_THAT(Run({"eval", "--model", model, file}).out,
              AllOf(HasSubstr("Truth in rows"), HasSubstr("48 labels"), HasSubstr("macro-F1")));

  const std::string text = "We know the old tide. We measure the new soil.";
  const std::string note = Put("note.txt", text);
  const auto answer =
      nlohmann::json::parse(Run({"classify", "--json", "--model", model, note}).out);
  ASSERT_EQ(answer["labelled_nodes"].size(), 2);
  EXPECT_EQ(answer["labelled_nodes"][0]["label"], "background");
  EXPECT_EQ(answer["labelled_nodes"][1]["label"], "method");
  EXPECT_EQ(answer["labelled_nodes"][1]["bytes"], nlohmann::json({22, 46}));
  EXPECT_THAT(Run({"classify", "--model", model, note}).out, HasSubstr("We measure the new soil."));

  const auto rouge = nlohmann::json::parse(Run({"eval", "--task", "summaries", "--max-similarity",
                                                "1", "--json", "--model", model, file})
                                               .out);
  EXPECT_EQ(rouge["num_documents"], 24);
  EXPECT_EQ(rouge["rouge"]["rouge1"]["recall"], 1) << "both sentences are taken";
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
  EXPECT_EQ(Run({"serve", "--listen", "127.0.0.1"}).exit_code, 2);
  EXPECT_EQ(Run({"classify", "--model", "", good}).exit_code, 2);
  EXPECT_EQ(Run({"classify", "--truncate", good}).exit_code, 2);
  EXPECT_EQ(Run({"classify", "--explain", "--no-explain", good}).exit_code, 2);
  EXPECT_EQ(Run({"classify", "--threads", "100000", good}).exit_code, 2);
  EXPECT_EQ(Run({"serve", "--compute-threads", "100000"}).exit_code, 2);
  const auto error = nlohmann::json::parse(Run({"tokenize", "--json", "/no/such/file"}).out);
  EXPECT_EQ(error["status"], "NOT_FOUND");
}

// A model that takes long to load: its config is a pipe that nobody writes.
TEST_F(CliRunTest, AServerThatStillLoadsEndsAtOnce) {
  fs::create_directories(root_ + "/model");
  ASSERT_EQ(::mkfifo((root_ + "/model/config.json").c_str(), 0600), 0);
  const pid_t server = Start({"serve", "--model", root_ + "/model", "--listen", "127.0.0.1:0"});
  std::this_thread::sleep_for(std::chrono::seconds(2));
  int status = 0;
  ASSERT_EQ(::waitpid(server, &status, WNOHANG), 0) << Read(root_ + "/err");  // it loads
  ::kill(server, SIGTERM);
  bool ended = false;
  for (int i = 0; i < 100 && !ended; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ended = ::waitpid(server, &status, WNOHANG) == server;
  }
  EXPECT_TRUE(ended);
  if (!ended) {
    ::kill(server, SIGKILL);
    ::waitpid(server, &status, 0);
  }
  EXPECT_THAT(Read(root_ + "/out"), Not(HasSubstr("ready")));
}

// With --json there is an object on stdout whatever goes wrong.
TEST_F(CliRunTest, ErrorsAreJsonToo) {
  const std::string good = Put("in/a.md", Text(0, 5));
  const std::string lines = Put("in.jsonl", "{\"text\":\"One.\",\"label\":\"nonsense\"}\n");
  const std::string none = "/no/such/model";
  const std::vector<std::vector<std::string>> failures = {
      {"classify", "--json", "--model", none, good},
      {"embed", "--json", "--model", none, good},
      {"embed", "--json", "--npy", "/no/such/folder/a.npy", good},
      {"tokenize", "--json", "--model", none, good},
      {"inspect", "--json", "--model", none, good},
      {"batch", "--json", "/no/such/folder", root_ + "/out.jsonl"},
      {"eval", "--json", lines},
      {"eval", "--json", "/no/such/file"},
      {"train", "--json", lines, root_ + "/model"}};
  for (const auto& arguments : failures) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << arguments[0];
    const auto json = nlohmann::json::parse(outcome.out, nullptr, false);
    ASSERT_TRUE(json.is_object()) << arguments[0] << ": " << outcome.out;
    EXPECT_NE(json["status"], "OK");
    EXPECT_FALSE(json["message"].get<std::string>().empty());
    EXPECT_THAT(outcome.err, HasSubstr("strata " + arguments[0] + ": "));
  }
  EXPECT_FALSE(fs::exists(root_ + "/model"));
}

TEST_F(CliRunTest, OutputThatCannotBeWrittenIsAnError) {
  const std::string file = Put("in/a.md", Text(0, 5));
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"classify", file},
                                             {"inspect", "--json", file},
                                             {"tokenize", file},
                                             {"train", "--help"}}) {
    fs::remove(root_ + "/out");
    fs::create_symlink("/dev/full", root_ + "/out");
    const Outcome outcome = Run(arguments);
    fs::remove(root_ + "/out");
    EXPECT_EQ(outcome.exit_code, 1) << arguments[0];
    EXPECT_THAT(outcome.err, HasSubstr("the standard output cannot be written: No space left"));
  }
}

TEST_F(CliRunTest, ABatchTriesAgainWhatFailedAndMixesNothing) {
  const std::string good = Put("in/a.md", Text(0, 5));
  const std::string bad = Put("in/b.txt", "");
  Put("in/c.pdf", "%PDF-1.4");
  const std::string out = root_ + "/out.jsonl";
  const Outcome first = Run({"batch", "--json", root_ + "/in", out});
  EXPECT_EQ(first.exit_code, 1);
  EXPECT_THAT(first.err, HasSubstr("1 file in " + root_ + "/in skipped by their endings (.pdf 1)"));
  EXPECT_THAT(first.err, HasSubstr("1 of 2 documents failed"));
  EXPECT_THAT(first.err, HasSubstr("--retry-failed"));
  EXPECT_EQ(nlohmann::json::parse(first.out)["skipped"], 1);

  Put("in/b.txt", Text(1, 5));
  const Outcome other = Run({"batch", "--top-k", "5", root_ + "/in", out});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.err, HasSubstr("--top-k 3, now it is 5"));
  EXPECT_EQ(Run({"batch", root_ + "/in", out}).exit_code, 1);
  const Outcome again = Run({"batch", "--json", "--retry-failed", root_ + "/in", out});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  const auto summary = nlohmann::json::parse(again.out);
  EXPECT_EQ(summary["model"], "openstax-subjects");
  EXPECT_EQ(summary["done"], 2);
  EXPECT_EQ(summary["done_before"], 1);
  const std::string lines = Read(out);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
  EXPECT_THAT(lines, Not(HasSubstr("INVALID_ARGUMENT")));

  // One that takes longer than it may is no reason to stop.
  const std::string late = root_ + "/late.jsonl";
  const Outcome hurried = Run({"batch", "--json", "--timeout", "0.000001", root_ + "/in", late});
  EXPECT_EQ(hurried.exit_code, 1);
  EXPECT_THAT(hurried.err, HasSubstr("2 of 2 documents failed"));
  EXPECT_THAT(Read(late), HasSubstr("DEADLINE_EXCEEDED"));
  EXPECT_EQ(Run({"batch", "--json", "--retry-failed", root_ + "/in", late}).exit_code, 0);

  const Outcome document = Run({"batch", good, root_ + "/other.jsonl"});
  EXPECT_EQ(document.exit_code, 1);
  EXPECT_THAT(document.err, HasSubstr("no line of it names a file"));
  EXPECT_FALSE(fs::exists(root_ + "/other.jsonl"));
}

TEST_F(CliRunTest, AServiceThatIsNotThereIsWaitedForOnce) {
  const std::string file = Put("in/a.md", Text(0, 5));
  const auto begin = std::chrono::steady_clock::now();
  const Outcome outcome =
      Run({"classify", "--server", "127.0.0.1:1", "--json", file, file, file, file, file, file});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("nothing answers at 127.0.0.1:1; is `strata serve` running"));
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 6);
  EXPECT_THAT(Run({"classify", "--server", "http://localhost", file}).err,
              HasSubstr("give HOST:PORT without http://"));
}

// Lists, labelled documents and results go through pipes, too.
TEST_F(CliRunTest, TheStandardInputAndOutputHaveAName) {
  const std::string file = Put("in/a.md", Text(0, 5));
  input_ = Put("list.txt", file + "\n");
  const Outcome batch = Run({"batch", "-", "-"});
  EXPECT_EQ(batch.exit_code, 0) << batch.err;
  EXPECT_EQ(nlohmann::json::parse(batch.out)["id"], file);
  input_ = Put("lines.jsonl", "{\"text\":\"Of cells.\",\"label\":\"nonsense\"}\n");
  const Outcome eval = Run({"eval", "-"});
  EXPECT_EQ(eval.exit_code, 1);
  EXPECT_THAT(eval.err, HasSubstr("standard input, line 1: label 'nonsense' is not one of"));
  EXPECT_THAT(Run({"train", "-", root_ + "/model"}).err, HasSubstr("standard input has 1 label"));
}

TEST_F(CliRunTest, NamesCannotSpeakToTheTerminal) {
  const Outcome outcome = Run({"classify", root_ + "/\x1b[31mred"});
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("\\x1b[31mred"), Not(HasSubstr("\x1b"))));
  const std::string file = Put("in/\x1b[31mred.md", Text(0, 5));
  EXPECT_THAT(Run({"inspect", file}).out, AllOf(HasSubstr("\\x1b"), Not(HasSubstr("\x1b"))));
}

TEST_F(CliRunTest, EveryCommandExplainsItself) {
  for (const char* command : {"classify", "batch", "embed", "inspect", "tokenize", "eval", "serve",
                              "train", "verify", "convert", "match", "rank", "index", "search"}) {
    const Outcome outcome = Run({command, "--help"});
    EXPECT_EQ(outcome.exit_code, 0) << command;
    EXPECT_THAT(outcome.out, HasSubstr(std::string("Usage: strata ") + command));
    if (std::string(command) != "serve") {
      EXPECT_THAT(outcome.out, HasSubstr("Example")) << command;
    }
    EXPECT_THAT(outcome.out, HasSubstr("--json")) << command;
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 80) << command << ": " << line;
    }
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

TEST_F(CliRunTest, AConvertedModelIsInspectedAndUsed) {
  const std::string zoo = STRATA_SOURCE_DIR "/models/zoo/openstax-subjects";
  const std::string made = root_ + "/made";
  const Outcome converted = Run({"convert", zoo, made, "--dtype", "bf16"});
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_THAT(converted.out, HasSubstr("spiece.model"));
  EXPECT_EQ(converted.err, "");

  const auto model = nlohmann::json::parse(Run({"inspect", "--json", made}).out);
  EXPECT_EQ(model["format"], "safetensors");
  EXPECT_EQ(model["model_type"], "hdt");
  EXPECT_TRUE(model["loads"]);
  EXPECT_EQ(model["labels"].size(), 25);
  EXPECT_EQ(model["config"]["num_layers"], 1);
  ASSERT_EQ(model["types"].size(), 1);
  EXPECT_EQ(model["types"][0]["type"], "BF16");
  EXPECT_EQ(model["types"][0]["num_tensors"], model["tensors"].size());
  const Outcome listed = Run({"inspect", "--tensors", made});
  EXPECT_THAT(listed.out, HasSubstr("shared.weight"));
  EXPECT_THAT(listed.out, HasSubstr("BF16  [12000, 128]"));

  const std::string file = Put("in/a.md", Text(0, 20));
  const auto answer = nlohmann::json::parse(Run({"classify", "--json", "--model", made, file}).out);
  const auto original = nlohmann::json::parse(Run({"classify", "--json", file}).out);
  EXPECT_EQ(answer["label"], original["label"]);
  EXPECT_NEAR(answer["probability"].get<double>(), original["probability"].get<double>(), 0.02);

  const Outcome again = Run({"convert", zoo, made});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("is there and not empty"));
  EXPECT_EQ(Run({"convert", zoo, made, "--dtype", "int3"}).exit_code, 2);
  const Outcome absent = Run({"convert", root_ + "/in", root_ + "/other"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.err, HasSubstr("holds no weights"));
}

TEST_F(CliRunTest, DocumentsAreMatchedAndRanked) {
  const std::string physics = Put("in/physics.md", Text(0, 20));
  const std::string more = Put("in/more.txt", Text(0, 9) + "It moves in a circle.");
  const std::string market = Put("in/market.md", Text(1, 20));
  const auto match = nlohmann::json::parse(Run({"match", "--json", physics, more}).out);
  EXPECT_EQ(match["status"], "OK");
  ASSERT_EQ(match["results"].size(), 1);
  EXPECT_GT(match["results"][0]["score"], 0.9);
  EXPECT_EQ(match["results"][0]["pairs"].size(), 3);
  EXPECT_FALSE(match["blocks"].empty());
  const Outcome shown = Run({"match", physics, more});
  EXPECT_THAT(shown.out, HasSubstr("right angles"));

  const Outcome ranked = Run({"rank", "--json", physics, market, root_ + "/in/none.md", more});
  EXPECT_EQ(ranked.exit_code, 1);
  EXPECT_THAT(ranked.err, HasSubstr("none.md"));
  const auto ranking = nlohmann::json::parse(ranked.out);
  ASSERT_EQ(ranking["results"].size(), 3);
  EXPECT_EQ(ranking["results"][0]["index"], 2);
  EXPECT_EQ(ranking["results"][1]["index"], 0);
  EXPECT_EQ(ranking["results"][2]["status"], "NOT_FOUND");
  const auto best =
      nlohmann::json::parse(Run({"rank", "--json", "--top", "1", physics, market, more}).out);
  EXPECT_EQ(best["results"].size(), 1);
}

TEST_F(CliRunTest, DocumentsAreIndexedAndFound) {
  for (int i = 0; i < 6; ++i) Put("in/" + std::to_string(i) + ".md", Text(i, 8 + i));
  const std::string index = root_ + "/index";
  const Outcome made = Run({"index", root_ + "/in", index, "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(nlohmann::json::parse(made.out)["num_vectors"], 6);
  for (const bool exact : {false, true}) {
    std::vector<std::string> search = {"search", "--json", "--top", "3", index, root_ + "/in/4.md"};
    if (exact) search.push_back("--exact");
    const Outcome found = Run(search);
    ASSERT_EQ(found.exit_code, 0) << found.err;
    const auto results = nlohmann::json::parse(found.out)["results"];
    ASSERT_EQ(results.size(), 3);
    EXPECT_EQ(results[0]["id"], root_ + "/in/4.md");
    EXPECT_NEAR(results[0]["similarity"].get<double>(), 1, 1e-4);
    for (const auto& result : results) {  // all of its subject
      const std::string id = result["id"];
      EXPECT_EQ((id[id.size() - 4] - '0') % 2, 0) << id;
    }
  }
  EXPECT_THAT(Run({"search", index, root_ + "/in/1.md"}).out, HasSubstr("/in/1.md"));
  EXPECT_THAT(Run({"index", root_ + "/in", index}).err, HasSubstr("not empty"));
  EXPECT_THAT(Run({"search", root_ + "/in", root_ + "/in/1.md"}).err,
              HasSubstr("vectors.safetensors"));
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
