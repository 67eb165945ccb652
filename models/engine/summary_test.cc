// Summaries through the engine: the classifier that comes with the repository chooses sentences, a
// tiny model of random weights writes.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/document/document_reader.h"
#include "models/engine/engine.h"
#include "models/engine/testing/tiny_models.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string& WriterFolder() {
  static const std::string folder = [] {
    const auto path = std::filesystem::temp_directory_path() / "strata_summary_test_writer";
    std::filesystem::create_directories(path);
    const absl::Status status = testing::WriteTinyWriter(path.string());
    EXPECT_TRUE(status.ok()) << status;
    return path.string();
  }();
  return folder;
}

std::shared_ptr<const Engine> LoadEngine(const std::string& folder) {
  auto engine = Engine::Load(folder);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return engine.ok() ? *engine : nullptr;
}

const Engine& Writer() {
  static const std::shared_ptr<const Engine> engine = LoadEngine(WriterFolder());
  return *engine;
}

const Engine& Classifier() {
  static const std::shared_ptr<const Engine> engine =
      LoadEngine(STRATA_SOURCE_DIR "/models/zoo/openstax-subjects");
  return *engine;
}

std::string Sample(const std::string& name) {
  std::ifstream stream(STRATA_SOURCE_DIR "/samples/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

PreparedDocument Prepared(const Engine& engine, const std::string& bytes,
                          const std::string& query = "") {
  auto tree = ReadDocument(bytes, DocumentFormat::kMarkdown);
  EXPECT_TRUE(tree.ok()) << tree.status();
  PrepareOptions options;
  options.query = query;
  auto prepared = engine.Prepare(*std::move(tree), options);
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  return *std::move(prepared);
}

TaskRequest Summarize(const SummaryOptions& options) {
  TaskRequest request;
  request.task = Task::kSummarize;
  request.summary = options;
  return request;
}

TaskResult Ask(const Engine& engine, const WorkItem& item) {
  auto results = engine.Run({&item, 1}, nullptr);
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? results->front() : TaskResult{results.status()};
}

TaskResult RunOne(const Engine& engine, const std::string& bytes, const SummaryOptions& options) {
  const PreparedDocument document = Prepared(engine, bytes);
  return Ask(engine, {&document, Summarize(options)});
}

int64_t CountWords(const std::string& text) {
  std::istringstream stream(text);
  return std::distance(std::istream_iterator<std::string>(stream), {});
}

// Every source says where it stands in the document.
void ExpectSourcesMatch(const std::string& bytes, const Summary& summary) {
  int32_t last = -1;
  for (const SummarySource& source : summary.sources) {
    EXPECT_GT(source.node, last);
    last = source.node;
    EXPECT_EQ(bytes.substr(static_cast<size_t>(source.source.begin),
                           static_cast<size_t>(source.source.end - source.source.begin)),
              source.text);
  }
}

constexpr char kText[] =
    "# Ships\n\nThe ship is in the cold sea. The wind is warm. The king and the man go to war.\n\n"
    "# Bread\n\nThe bread is of grain. A woman in the town has salt and bread.\n";

TEST(Summary, ExtractsSentencesWithinTheBudget) {
  const std::string bytes = Sample("muscle_contraction.md");
  SummaryOptions options;
  options.max_sentences = 4;
  const TaskResult result = RunOne(Classifier(), bytes, options);
  ASSERT_TRUE(result.status.ok()) << result.status;
  const Summary& summary = result.summary;
  EXPECT_EQ(summary.method, SummaryMethod::kExtractive);
  ASSERT_EQ(summary.sources.size(), 4u);
  for (const SummarySource& source : summary.sources) {
    EXPECT_EQ(source.kind, NodeKind::kSentence);
    EXPECT_EQ(summary.text.substr(static_cast<size_t>(source.summary.begin),
                                  static_cast<size_t>(source.summary.end - source.summary.begin)),
              source.text);
  }
  options = {};
  options.max_words = 60;
  const TaskResult words = RunOne(Classifier(), bytes, options);
  ASSERT_TRUE(words.status.ok()) << words.status;
  EXPECT_LE(CountWords(words.summary.text), 60);
  EXPECT_GT(CountWords(words.summary.text), 30);
  EXPECT_EQ(RunOne(Classifier(), bytes, {}).summary.sources.size(), 3u);
}

TEST(Summary, ASentenceIsNotTakenTwice) {
  const std::string text =
      "# A\n\nMuscle fibres contract when calcium binds to troponin.\n\n# B\n\nMuscle fibres "
      "contract when calcium binds to troponin.\n\n# C\n\nThe price of bread rose in 1789.\n";
  SummaryOptions options;
  options.max_sentences = 3;
  const TaskResult result = RunOne(Classifier(), text, options);
  ASSERT_TRUE(result.status.ok()) << result.status;
  ExpectSourcesMatch(text, result.summary);
  EXPECT_EQ(result.summary.sources.size(), 2u);
  options.max_similarity = 1;
  EXPECT_EQ(RunOne(Classifier(), text, options).summary.sources.size(), 3u);
}

TEST(Summary, AModelWithoutAClassifierExtractsByCentrality) {
  SummaryOptions options;
  options.method = SummaryMethod::kExtractive;
  options.max_sentences = 2;
  const TaskResult result = RunOne(Writer(), kText, options);
  ASSERT_TRUE(result.status.ok()) << result.status;
  EXPECT_EQ(result.summary.sources.size(), 2u);
  ExpectSourcesMatch(kText, result.summary);
}

TEST(Summary, WritesAndSaysWhatItReadTheMost) {
  const PreparedDocument document = Prepared(Writer(), kText);
  WorkItem item{&document, Summarize({})};
  std::string told;
  int parts = 0;
  item.on_text = [&](const std::string& part) {
    told += part;
    ++parts;
  };
  const TaskResult result = Ask(Writer(), item);
  ASSERT_TRUE(result.status.ok()) << result.status;
  const Summary& summary = result.summary;
  EXPECT_EQ(summary.method, SummaryMethod::kAbstractive);
  EXPECT_FALSE(summary.text.empty());
  EXPECT_EQ(told, summary.text);
  EXPECT_GT(parts, 1);
  EXPECT_GT(summary.num_new_tokens, 1);
  EXPECT_LE(summary.num_new_tokens, 16);  // the model's own limit
  EXPECT_LT(summary.score, 0);
  ASSERT_FALSE(summary.sources.empty());
  ExpectSourcesMatch(kText, summary);
  float shares = 0;
  for (const SummarySource& source : summary.sources) shares += source.weight;
  EXPECT_GE(shares, 0.5f);
  EXPECT_LE(shares, 1.0001f);
}

TEST(Summary, TheOptionsOfWritingCount) {
  const auto write = [](auto&& change) {
    SummaryOptions options;
    change(options.writing);
    const TaskResult result = RunOne(Writer(), kText, options);
    EXPECT_TRUE(result.status.ok()) << result.status;
    return result.summary;
  };
  EXPECT_EQ(write([](auto& w) { w.max_new_tokens = 3; }).num_new_tokens, 3);
  const Summary greedy = write([](auto&) {});
  const Summary beams = write([](auto& w) { w.num_beams = 4; });
  EXPECT_GE(beams.score * static_cast<float>(beams.num_new_tokens), greedy.score - 1e-4f);
  const auto draw = [&](uint64_t seed) {
    return write([seed](auto& w) {
             w.sample = true;
             w.temperature = 2.0;
             w.seed = seed;
           })
        .text;
  };
  EXPECT_EQ(draw(5), draw(5));
  EXPECT_NE(draw(5), draw(6));
}

TEST(Summary, ADocumentInABatchIsWrittenAsAlone) {
  const std::string other = "# X\n\nA king is in the house. The night is cold and the road long.";
  const PreparedDocument first = Prepared(Writer(), kText), second = Prepared(Writer(), other);
  SummaryOptions beams;
  beams.writing.num_beams = 3;
  SummaryOptions extractive;
  extractive.method = SummaryMethod::kExtractive;
  const WorkItem items[] = {{&first, Summarize({})},
                            {&second, Summarize(beams)},
                            {&first, Summarize(extractive)},
                            {&second, Summarize({})}};
  auto together = Writer().Run(items, nullptr);
  ASSERT_TRUE(together.ok()) << together.status();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ((*together)[i].summary.text, Ask(Writer(), items[i]).summary.text) << i;
    EXPECT_FALSE((*together)[i].summary.text.empty());
  }
}

TEST(Summary, AQueryInFrontChangesWhatIsWritten) {
  const PreparedDocument plain = Prepared(Writer(), kText);
  const PreparedDocument asked = Prepared(Writer(), kText, "<S2S>");
  EXPECT_EQ(asked.sequence.num_tokens(), plain.sequence.num_tokens() + 1);
  EXPECT_EQ(asked.sequence.roles[0], TokenRole::kGlobalQuery);
  const TaskResult a = Ask(Writer(), {&plain, Summarize({})});
  const TaskResult b = Ask(Writer(), {&asked, Summarize({})});
  ASSERT_TRUE(b.status.ok()) << b.status;
  EXPECT_NE(a.summary.score, b.summary.score);
}

TEST(Summary, OneDocumentIsStoppedAndTheOtherGoesOn) {
  const PreparedDocument document = Prepared(Writer(), kText);
  WorkItem items[] = {{&document, Summarize({})}, {&document, Summarize({})}};
  int asked = 0;
  items[0].cancelled = [&] { return ++asked > 2; };
  auto results = Writer().Run(items, nullptr);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].status.code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE((*results)[1].summary.text.empty());
  EXPECT_EQ(Writer().Run(items, [] { return true; }).status().code(), absl::StatusCode::kCancelled);
}

TEST(Summary, RefusesByName) {
  const auto message = [](const Engine& engine, auto&& change) {
    SummaryOptions options;
    change(options);
    return std::string(engine.Check(Summarize(options)).message());
  };
  EXPECT_THAT(message(Writer(), [](auto&) {}), IsEmpty());
  EXPECT_THAT(message(Classifier(), [](auto& o) { o.method = SummaryMethod::kAbstractive; }),
              HasSubstr("no decoder"));
  EXPECT_THAT(message(Classifier(), [](auto& o) { o.max_words = -1; }), HasSubstr("max_words"));
  EXPECT_THAT(message(Classifier(), [](auto& o) { o.max_similarity = 1.5; }),
              HasSubstr("max_similarity is 1.5"));
  EXPECT_THAT(message(Writer(), [](auto& o) { o.max_words = 9; }), HasSubstr("max_new_tokens"));
  EXPECT_THAT(message(Writer(), [](auto& o) { o.writing.max_new_tokens = 17; }),
              HasSubstr("at most 16"));
  EXPECT_THAT(message(Writer(), [](auto& o) { o.writing.num_beams = 0; }),
              HasSubstr("num_beams is 0"));
  EXPECT_THAT(message(Writer(), [](auto& o) { o.writing.min_new_tokens = 17; }),
              HasSubstr("min_new_tokens 17"));

  SummaryOptions options;
  options.max_words = 1;
  EXPECT_THAT(std::string(RunOne(Classifier(), kText, options).status.message()),
              HasSubstr("its shortest has"));
  EXPECT_THAT(std::string(RunOne(Classifier(), "# Only a heading\n", {}).status.message()),
              HasSubstr("no sentence"));
  EXPECT_THAT(std::string(RunOne(Writer(), "", {}).status.message()), HasSubstr("no text"));
}

TEST(Summary, AModelSaysThatItCan) {
  EXPECT_THAT(Classifier().info().tasks, ::testing::Contains(Task::kSummarize));
  EXPECT_THAT(Writer().info().tasks, ::testing::Contains(Task::kSummarize));
  EXPECT_EQ(Writer().info().architecture, "HDTForConditionalGeneration");
}

}  // namespace
}  // namespace strata::models
