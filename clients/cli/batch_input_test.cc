#include "clients/cli/batch_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace strata::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class BatchInputTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  std::string Put(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(root_ + "/" + name).parent_path());
    std::ofstream(root_ + "/" + name, std::ios::binary) << content;
    return root_ + "/" + name;
  }
  std::vector<BatchItem> All(const std::string& path) {
    auto input = BatchInput::Open(path, DocumentFormat::kAuto);
    EXPECT_TRUE(input.ok()) << input.status();
    std::vector<BatchItem> items;
    BatchItem item;
    while (true) {
      const auto more = (*input)->Next(item);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return items;
      items.push_back(item);
    }
  }

  const std::string root_ = testing::TempDir() + "/batch_input_test";
};

TEST_F(BatchInputTest, AFoldersFilesInOrder) {
  Put("b.md", "b");
  Put("a/deep/x.HTML", "x");
  Put("a/picture.png", "no document");
  Put(".hidden/y.txt", "hidden");
  Put(".z.txt", "hidden");
  const auto items = All(root_);
  ASSERT_EQ(items.size(), 2);
  EXPECT_EQ(items[0].id, root_ + "/a/deep/x.HTML");
  EXPECT_EQ(items[1].id, root_ + "/b.md");
  EXPECT_EQ(*items[1].document.ReadAll(), "b");
}

TEST_F(BatchInputTest, AListOfFilesNamesEachOnce) {
  const std::string one = Put("one.md", "1");
  const std::string list = Put("list.txt", one + "\r\n\ntwo words.md\n" + one + "\nlast.md");
  const auto items = All(list);
  ASSERT_EQ(items.size(), 3);
  EXPECT_EQ(items[0].id, one);
  EXPECT_EQ(items[1].id, "two words.md");
  EXPECT_EQ(items[2].id, "last.md");
}

TEST_F(BatchInputTest, JsonLinesWithABrokenLine) {
  const std::string path =
      Put("in.jsonl", "{\"id\":\"a\",\"text\":\"one\"}\n\nbroken\n{\"text\":\"two\"}\n");
  const auto items = All(path);
  ASSERT_EQ(items.size(), 3);
  EXPECT_EQ(items[0].id, "a");
  EXPECT_EQ(items[0].line, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(items[1].error)) << items[1].error;
  EXPECT_EQ(items[1].line, 3);
  EXPECT_EQ(items[2].id, "4");
  EXPECT_TRUE(items[2].error.ok());
}

TEST_F(BatchInputTest, CountsWhatIsWanted) {
  Put("a.txt", "12345");
  Put("b.txt", "123");
  const auto counts = BatchInput::Count(root_, DocumentFormat::kAuto, [&](const BatchItem& item) {
    return item.id != root_ + "/a.txt";
  });
  ASSERT_TRUE(counts.ok());
  EXPECT_EQ(counts->num_items, 1);
  EXPECT_EQ(counts->num_bytes, 3);
}

TEST_F(BatchInputTest, WhatAFolderHoldsBesideDocumentsIsCounted) {
  Put("a.md", "a");
  Put("b.jats", "b");
  Put("c.pdf", "c");
  Put("deep/d.PDF", "d");
  Put("deep/e.docx", "e");
  Put("Makefile", "f");
  const auto input = BatchInput::Open(root_, DocumentFormat::kAuto);
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ((*input)->skipped().count, 4);
  EXPECT_EQ((*input)->skipped().endings, ".pdf 2, .docx 1, no ending 1");
}

TEST_F(BatchInputTest, WhatIsNoListIsRefused) {
  const auto error = [&](const std::string& content) {
    const auto input = BatchInput::Open(Put("in", content), DocumentFormat::kAuto);
    EXPECT_TRUE(absl::IsInvalidArgument(input.status())) << input.status();
    return std::string(input.status().message());
  };
  EXPECT_THAT(error("A document.\nIts second line.\n"),
              AllOf(HasSubstr("no line of it names a file (the first: 'A document.')"),
                    HasSubstr("strata classify")));
  EXPECT_THAT(error("id,text\n1,one\n"), HasSubstr("names a file"));
  EXPECT_THAT(error("  [{\"text\":\"one\"}]"), HasSubstr("is a JSON array"));
  EXPECT_THAT(error(std::string("\x7f"
                                "ELF\0\0",
                                6)),
              HasSubstr("is binary"));
  EXPECT_THAT(error("/tmp\n"), HasSubstr("names a file"));  // a folder is no document
}

TEST_F(BatchInputTest, NothingToDoIsAnError) {
  EXPECT_TRUE(absl::IsNotFound(BatchInput::Open(root_, DocumentFormat::kAuto).status()));
  EXPECT_TRUE(absl::IsNotFound(BatchInput::Open(root_ + "/none", DocumentFormat::kAuto).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(BatchInput::Open(Put("empty", ""), DocumentFormat::kAuto).status()));
}

}  // namespace
}  // namespace strata::cli
