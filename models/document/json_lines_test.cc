#include "models/document/json_lines.h"

#include <gtest/gtest.h>
#include <simdjson.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

class JsonLinesTest : public testing::Test {
 protected:
  JsonLinesTest() {
    path_ = std::filesystem::path(testing::TempDir()) /
            (std::string("strata_") +
             testing::UnitTest::GetInstance()->current_test_info()->name() + ".jsonl");
  }
  ~JsonLinesTest() override { std::filesystem::remove(path_); }

  void Write(std::string_view bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  void WriteGzip(std::string_view bytes) {
    gzFile file = gzopen(path_.c_str(), "wb");
    ASSERT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())),
              static_cast<int>(bytes.size()));
    ASSERT_EQ(gzclose(file), Z_OK);
  }
  // "number:id:label;" for each line, "error at number: message;" for a bad one.
  std::string ReadAll(const ReaderLimits& limits = {}) {
    auto reader = JsonLinesReader::Open(path_.string(), limits);
    if (!reader.ok()) return reader.status().ToString();
    std::string out;
    for (int guard = 0; guard < 1000; ++guard) {
      JsonLine line;
      const absl::StatusOr<bool> more = (*reader)->Next(line);
      if (!more.ok()) {
        const std::string message(more.status().message());
        out += "error" + message.substr(message.find(", line")) + ";";
        continue;
      }
      if (!*more) return out;
      out += std::to_string(line.line_number) + ":" + line.id + ":" + line.label + ";";
    }
    return "never ends";
  }

  std::filesystem::path path_;
};

TEST_F(JsonLinesTest, PlainAndGzipAlike) {
  const std::string lines =
      "{\"id\":\"a\",\"label\":\"x\",\"text\":\"t\"}\n\n  \r\n{\"id\":7,\"label\":3}\r\n"
      "{\"text\":\"t\",\"label\":null}";
  const std::string expected = "1:a:x;4:7:3;5:5:;";
  Write(lines);
  EXPECT_EQ(ReadAll(), expected);
  WriteGzip(lines);
  EXPECT_EQ(ReadAll(), expected);
  Write("");
  EXPECT_EQ(ReadAll(), "");
}

TEST_F(JsonLinesTest, LabelsOfPartsAndSummaries) {
  Write(
      "{\"sentences\":[\"A.\",\"B.\"],\"labels\":[\"x\",null,3,[1]],\"summary\":[\"One.\",\"Two.\"]"
      "}\n"
      "{\"text\":\"A.\",\"labels\":\"x\",\"summary\":\"One.\"}\n{\"text\":\"A.\",\"summary\":[]}"
      "\n");
  auto reader = JsonLinesReader::Open(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  JsonLine line;
  ASSERT_TRUE((*reader)->Next(line).value_or(false));
  EXPECT_EQ(line.labels, (std::vector<std::string>{"x", "", "3", ""}));
  EXPECT_EQ(line.summary, "One.\nTwo.");
  ASSERT_TRUE((*reader)->Next(line).value_or(false));
  EXPECT_TRUE(line.labels.empty());
  EXPECT_EQ(line.summary, "One.");
  ASSERT_TRUE((*reader)->Next(line).value_or(false));
  EXPECT_EQ(line.summary, "");
}

TEST_F(JsonLinesTest, ABadLineIsNamedAndTheNextOneRead) {
  Write("{\"id\":\"a\"}\n{\"id\":\n[1]\n{\"id\":\"d\"}\n");
  const std::string all = ReadAll();
  EXPECT_TRUE(all.starts_with("1:a:;error, line 2: ")) << all;
  EXPECT_NE(all.find("error, line 3: expected a JSON object, one a line, found '[1]';4:d:;"),
            std::string::npos)
      << all;
}

TEST_F(JsonLinesTest, WhatIsNoJsonLinesIsSaid) {
  const auto first_error = [this](std::string_view bytes) {
    Write(bytes);
    const std::string all = ReadAll();
    return all.substr(0, all.find(';'));
  };
  EXPECT_EQ(first_error("id,text\n1,one\n"),
            "error, line 1: expected a JSON object, one a line, found 'id,text'");
  EXPECT_EQ(first_error("# Read me first, before all other things\n"),
            "error, line 1: expected a JSON object, one a line, found '# Read me first, before …'");
  EXPECT_TRUE(first_error("[{\"text\":\"one\"}]")
                  .starts_with("error, line 1: expected a JSON object, "
                               "one a line"));
  EXPECT_NE(ReadAll().find("jq -c"), std::string::npos);
  EXPECT_EQ(first_error(std::string_view("\x7f"
                                         "ELF\0\1",
                                         6)),
            "error, line 1: this is binary data, not JSON");
  EXPECT_EQ(first_error("{\n\"text\": \"one\"\n}\n"),
            "error, line 1: near byte 1: it ends in the middle");
  EXPECT_EQ(first_error("{\"text\": one}\n"),
            "error, line 1: near byte 10: cannot be read: 'one}'");
}

TEST_F(JsonLinesTest, LongLinesAreSkipped) {
  Write("{\"id\":\"a\"}\n{\"id\":\"" + Repeat("b", 600'000) + "\"}\n{\"id\":\"c\"}\n");
  EXPECT_EQ(ReadAll({.max_source_bytes = 100}),
            "1:a:;error, line 2: longer than max_source_bytes = 100;3:c:;");
  EXPECT_TRUE(ReadAll().ends_with(";3:c:;"));
}

TEST_F(JsonLinesTest, ATruncatedGzipFileIsAnError) {
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "{\"id\":\"" + std::to_string(i * 7919) + "\"}\n";
  WriteGzip(lines);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) / 2);
  EXPECT_NE(ReadAll().find("the gzip data are cut off"), std::string::npos);
}

TEST_F(JsonLinesTest, GzipMembersFollowEachOtherAndNothingElseDoes) {
  const std::string lines = "{\"id\":\"a\"}\n";
  WriteGzip(lines);
  std::ostringstream member;
  member << std::ifstream(path_, std::ios::binary).rdbuf();
  Write(member.str() + member.str() + std::string(700, '\0'));
  EXPECT_EQ(ReadAll(), "1:a:;2:a:;");
  Write(member.str() + std::string(300'000, '\0') + member.str());
  EXPECT_EQ(ReadAll(), "1:a:;2:a:;");
  Write(member.str() + "garbage");
  EXPECT_EQ(ReadAll(), "1:a:;error, line 2: something else follows the gzip data;");
  std::string damaged = member.str();
  damaged[damaged.size() - 6] ^= 1;  // in the checksum
  Write(damaged);
  EXPECT_NE(ReadAll().find("the gzip data are damaged"), std::string::npos) << ReadAll();
  Write("\x1f");
  EXPECT_TRUE(ReadAll().starts_with("error, line 1: ")) << ReadAll();
}

TEST_F(JsonLinesTest, NoSuchFile) {
  EXPECT_EQ(JsonLinesReader::Open(path_.string()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(JsonLinesReader::Open(testing::TempDir()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

int64_t CountKind(const DocumentTree& tree, NodeKind kind) {
  int64_t count = 0;
  for (const Node& node : tree.nodes()) count += node.kind == kind ? 1 : 0;
  return count;
}

// Every document of a file keeps the laws, and has the sections and given sentences of its JSON.
void CheckSharedFile(const std::string& name, int64_t expected_documents) {
  const std::string path = std::string(STRATA_SHARED_DIR) + "/data/" + name;
  auto reader = JsonLinesReader::Open(path);
  if (!reader.ok()) {
    std::cout << "shared data absent: " << reader.status().message() << "\n";
    return;
  }
  simdjson::dom::parser parser;
  int64_t documents = 0;
  JsonLine line;
  for (;; ++documents) {
    const auto more = (*reader)->Next(line);
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) break;
    const auto tree = ReadDocument(line.json, DocumentFormat::kJson);
    ASSERT_TRUE(tree.ok()) << line.id << ": " << tree.status();
    ASSERT_EQ(BrokenLaw(*tree, line.json), "") << line.id;
    simdjson::dom::element json = parser.parse(line.json);
    if (simdjson::dom::array sections; json["sections"].get(sections) == simdjson::SUCCESS) {
      EXPECT_EQ(CountKind(*tree, NodeKind::kSection), static_cast<int64_t>(sections.size()))
          << line.id;
    }
    if (simdjson::dom::array sentences; json["sentences"].get(sentences) == simdjson::SUCCESS) {
      size_t at = 0;
      std::vector<std::string_view> given;
      for (simdjson::dom::element sentence : sentences) given.push_back(sentence.get_string());
      for (const Node& node : tree->nodes()) {
        if (node.kind != NodeKind::kSentence) continue;
        ASSERT_LT(at, given.size());
        EXPECT_EQ(tree->TextOf(node), given[at++]);
      }
      EXPECT_EQ(at, given.size()) << line.id;
    }
  }
  EXPECT_EQ(documents, expected_documents);
}

TEST(SharedDataTest, OpenstaxModules) { CheckSharedFile("openstax_modules/dev.jsonl.gz", 277); }
TEST(SharedDataTest, Csabstruct) { CheckSharedFile("csabstruct/dev.jsonl.gz", 289); }
TEST(SharedDataTest, Scisummnet) { CheckSharedFile("scisummnet/dev.jsonl.gz", 100); }

}  // namespace
}  // namespace strata::models
