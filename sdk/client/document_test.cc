#include "strata/document.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace strata {
namespace {

TEST(DocumentInputTest, BytesAreSharedAndReadAgain) {
  const DocumentInput document =
      DocumentInput::FromBytes("abcdef", DocumentFormat::kMarkdown).set_id("one");
  const DocumentInput copy = document;
  EXPECT_EQ(copy.id(), "one");
  EXPECT_EQ(copy.format(), DocumentFormat::kMarkdown);
  EXPECT_EQ(copy.size_bytes(), 6);
  for (int i = 0; i < 2; ++i) {
    auto reader = copy.Open();
    ASSERT_TRUE(reader.ok());
    std::string chunk;
    ASSERT_TRUE((*reader)->Next(4, chunk).ok());
    EXPECT_EQ(chunk, "abcd");
    ASSERT_TRUE((*reader)->Next(4, chunk).ok());
    EXPECT_EQ(chunk, "ef");
    ASSERT_TRUE((*reader)->Next(4, chunk).ok());
    EXPECT_EQ(chunk, "");
  }
}

TEST(DocumentInputTest, FileIsOpenedOnlyWhenRead) {
  const std::string path = testing::TempDir() + "/document_input_test.md";
  std::remove(path.c_str());
  const DocumentInput document = DocumentInput::FromFile(path);
  EXPECT_EQ(document.id(), path);
  EXPECT_EQ(document.file_name(), "document_input_test.md");
  EXPECT_EQ(document.size_bytes(), std::nullopt);
  const auto missing = document.ReadAll();
  EXPECT_TRUE(absl::IsNotFound(missing.status())) << missing.status();
  EXPECT_NE(std::string(missing.status().message()).find(path), std::string::npos);

  std::ofstream(path) << "# Title\n";
  EXPECT_EQ(document.size_bytes(), 8);
  const auto bytes = document.ReadAll();
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, "# Title\n");
  std::remove(path.c_str());
}

TEST(DocumentInputTest, AFolderIsNoDocument) {
  const auto bytes = DocumentInput::FromFile(testing::TempDir()).ReadAll();
  EXPECT_TRUE(absl::IsInvalidArgument(bytes.status())) << bytes.status();
}

TEST(DocumentInputTest, AStreamIsReadOnceAndReplayed) {
  auto stream = std::make_shared<std::istringstream>(std::string(200'000, 'x') + "end");
  const DocumentInput document = DocumentInput::FromStream(stream);
  EXPECT_EQ(document.size_bytes(), std::nullopt);
  auto first = document.Open();
  std::string chunk;
  ASSERT_TRUE((*first)->Next(1000, chunk).ok());  // an attempt that is given up
  EXPECT_EQ(chunk.size(), 1000);
  const auto bytes = document.ReadAll();
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(*bytes, std::string(200'000, 'x') + "end");
  EXPECT_EQ(*document.ReadAll(), *bytes);
}

TEST(DocumentInputTest, ACallbacksErrorIsFinal) {
  int calls = 0;
  const DocumentInput document = DocumentInput::FromCallback([&]() -> absl::StatusOr<std::string> {
    if (++calls == 1) return std::string("some");
    return absl::DataLossError("disk gone");
  });
  EXPECT_EQ(document.ReadAll().status(), absl::DataLossError("disk gone"));
  EXPECT_EQ(document.ReadAll().status(), absl::DataLossError("disk gone"));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace strata
