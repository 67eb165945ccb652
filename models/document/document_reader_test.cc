#include "models/document/document_reader.h"

#include <gtest/gtest.h>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

constexpr DocumentFormat kAllFormats[] = {DocumentFormat::kPlainText, DocumentFormat::kMarkdown,
                                          DocumentFormat::kHtml, DocumentFormat::kJats,
                                          DocumentFormat::kJson};

TEST(DocumentFormatTest, NamesGoBothWays) {
  for (DocumentFormat format : kAllFormats) {
    const auto parsed = ParseDocumentFormat(DocumentFormatName(format));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(*parsed, format);
  }
  EXPECT_EQ(ParseDocumentFormat("pdf").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(DocumentFormatTest, TheEndingOfTheNameDecides) {
  EXPECT_EQ(DetectDocumentFormat("# a", "x.txt"), DocumentFormat::kPlainText);
  EXPECT_EQ(DetectDocumentFormat("a", "dir.html/x.MD"), DocumentFormat::kMarkdown);
  EXPECT_EQ(DetectDocumentFormat("a", "x.htm"), DocumentFormat::kHtml);
  EXPECT_EQ(DetectDocumentFormat("a", "x.nxml"), DocumentFormat::kJats);
  EXPECT_EQ(DetectDocumentFormat("a", "x.json"), DocumentFormat::kJson);
}

TEST(DocumentFormatTest, ElseTheContent) {
  const auto detect = [](std::string_view bytes) { return DetectDocumentFormat(bytes, "x.dat"); };
  EXPECT_EQ(detect("\xEF\xBB\xBF \n{\"title\": 1}"), DocumentFormat::kJson);
  EXPECT_EQ(detect("{a set}"), DocumentFormat::kPlainText);
  EXPECT_EQ(detect("<!DOCTYPE HTML><p>a"), DocumentFormat::kHtml);
  EXPECT_EQ(detect("<?xml version='1.0'?>\n<html>"), DocumentFormat::kHtml);
  EXPECT_EQ(detect("<?xml version='1.0'?>\n<article article-type='r'>"), DocumentFormat::kJats);
  EXPECT_EQ(detect("<article><front>"), DocumentFormat::kJats);
  EXPECT_EQ(detect("<article class='post'><p>"), DocumentFormat::kHtml);
  EXPECT_EQ(detect("Intro\n\n## Part\n"), DocumentFormat::kMarkdown);
  EXPECT_EQ(detect("See [this](http://x)."), DocumentFormat::kMarkdown);
  EXPECT_EQ(detect("#hashtag is no heading"), DocumentFormat::kPlainText);
  EXPECT_EQ(detect(""), DocumentFormat::kPlainText);
}

TEST(ReadDocumentTest, AutoReadsWhatItDetects) {
  EXPECT_EQ(ReadOutline("\xEF\xBB\xBF<h1>A</h1>b", DocumentFormat::kAuto), "[(A){b}]");
  EXPECT_EQ(ReadOutline("# A\n\nb", DocumentFormat::kAuto), "[(A){b}]");
}

TEST(ReadDocumentTest, AnEmptyDocumentIsOneNode) {
  for (DocumentFormat format : kAllFormats) {
    for (std::string_view source : {"", " \r\n\t ", "\xEF\xBB\xBF", "\xEF\xBB\xBF\n"}) {
      const auto tree = ReadDocument(source, format);
      ASSERT_TRUE(tree.ok()) << tree.status();
      EXPECT_EQ(tree->nodes().size(), 1);
      EXPECT_EQ(BrokenLaw(*tree, source), "");
    }
  }
}

TEST(ReadDocumentTest, WhatIsNotUtf8IsRefusedInEveryFormat) {
  for (DocumentFormat format : kAllFormats) {
    EXPECT_EQ(
        ReadOutline("abc\xFFxyz", format),
        "error: byte 3 (0xff) does not begin a UTF-8 character; convert the document to UTF-8");
    // A surrogate, an overlong form, a cut character.
    for (std::string_view bad : {"ab\xED\xA0\x80", "ab\xC0\xAF", "ab\xE4\xB8"}) {
      EXPECT_TRUE(ReadOutline(bad, format).starts_with("error: byte 2 ")) << bad;
    }
    EXPECT_TRUE(
        ReadOutline(std::string_view("ab\0c", 4), format).starts_with("error: byte 2 is NUL"));
    EXPECT_EQ(ReadOutline("\xFF\xFE\x61", format),
              "error: the document is UTF-16; convert it to UTF-8");
  }
}

TEST(ReadDocumentTest, FilesOfOtherKindsAreCalledByTheirName) {
  const auto error = [](std::string_view bytes) {
    return ReadOutline(bytes, DocumentFormat::kAuto);
  };
  EXPECT_EQ(
      error("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"),
      "error: this is a PDF, not a text document; make text of it first (pdftotext FILE.pdf)");
  EXPECT_EQ(error(std::string_view("\x1f\x8b\x08\0\0", 5)),
            "error: this is gzip data, not a text document; unpack it first");
  EXPECT_TRUE(error(std::string_view("PK\x03\x04\x14\0", 6)).starts_with("error: this is a zip"));
  EXPECT_TRUE(error(std::string_view("BZh9\0", 5)).starts_with("error: this is bzip2"));
  EXPECT_EQ(error("BZh is a word."), "{BZh is a word.}");
}

TEST(ReadDocumentTest, LimitsAreNamed) {
  ReaderLimits limits;
  limits.max_source_bytes = 10;
  auto tree = ReadDocument("more than ten bytes", DocumentFormat::kPlainText, limits);
  EXPECT_EQ(tree.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(tree.status().message().find("max_source_bytes"), std::string::npos);

  limits = {};
  limits.max_nodes = 8;
  EXPECT_EQ(ReadOutline("A. B. C.\n\nD.", DocumentFormat::kPlainText, limits), "{A. B. C.}{D.}");
  for (DocumentFormat format : {DocumentFormat::kPlainText, DocumentFormat::kMarkdown}) {
    tree = ReadDocument("Go on. Be it. So so.\n\nDone now.\n\nEnd it.", format, limits);
    EXPECT_EQ(tree.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(tree.status().message().find("max_nodes = 8"), std::string::npos);
  }
  EXPECT_EQ(ReadDocument("a", DocumentFormat::kPlainText, {.locale = "??"}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ReadDocumentTest, SectionsPastTheDeepestLevelJoinTheirAncestor) {
  const ReaderLimits limits{.max_depth = 2};
  EXPECT_EQ(
      ReadOutline("# A\n## B\nb\n### C\nc\n#### D\nd\n## E\n", DocumentFormat::kMarkdown, limits),
      "[(A)[(B){b}{C}{c}{D}{d}][(E)]]");
}

}  // namespace
}  // namespace strata::models
