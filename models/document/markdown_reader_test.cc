#include <gtest/gtest.h>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

std::string Read(std::string_view source) { return ReadOutline(source, DocumentFormat::kMarkdown); }
std::string Sources(std::string_view source) {
  return LeafSources(source, DocumentFormat::kMarkdown);
}

TEST(MarkdownReaderTest, HeadingsMakeNestedSections) {
  EXPECT_EQ(Read("pre\n\n# A\n\na\n\n## B\n\nb\n\n#### C\n\nc\n\n## D\nd\n\nE\n=\n"),
            "{pre}[(A){a}[(B){b}[(C){c}]][(D){d}]][(E)]");
}

TEST(MarkdownReaderTest, MarkupIsLeftOutAndPlacesAreExact) {
  const std::string_view source =
      "# The *new* &amp; **old**\n\nSee [this](http://x.y) `code`  now.\n";
  EXPECT_EQ(Read(source), "[(The new & old){See this code now.}]");
  EXPECT_EQ(Sources(source), "The *new* &amp; **old\nSee [this](http://x.y) `code`  now.");
}

TEST(MarkdownReaderTest, WrappedLinesAndEntities) {
  EXPECT_EQ(Read("a\nb  \nc &copy; &#65;&#x42; &unknown; \\* d"),
            "{a b c \u00A9 AB &unknown; * d}");
  EXPECT_EQ(Read("> one\n> two\n"), "{one two}");
}

TEST(MarkdownReaderTest, ListsTablesCode) {
  EXPECT_EQ(Read("- one\n- two\n  - three\n\n1. four\n\n   five\n"),
            "{one}{two}{three}{four}{five}");
  EXPECT_EQ(Read("| a | b |\n|---|---|\n| c | *d* |\n"), "{a b}{c d}");
  EXPECT_EQ(Read("```\nx = 1\n\ny\n```\n"), "{x = 1 y}");
  EXPECT_EQ(Read("    x\n    y\n"), "{x y}");
}

TEST(MarkdownReaderTest, AHeadingInAQuoteOrListIsText) {
  EXPECT_EQ(Read("# A\n\n> # B\n\n- # C\n"), "[(A){B}{C}]");
}

TEST(MarkdownReaderTest, RawHtmlGivesItsText) {
  EXPECT_EQ(Read("<div>\nraw <b>text</b>\n<!-- not\nthis --> end\n</div>\n"), "{raw text end}");
  EXPECT_EQ(Read("a <b>c</b><br>d\n"), "{a c d}");
  EXPECT_EQ(Read("<script>\nvar a = '<p>';\n</script>\n\nb\n"), "{b}");
}

TEST(MarkdownReaderTest, ImagesAndFrontMatterAreLeftOut) {
  EXPECT_EQ(Read("---\ntitle: x\n---\nText ![alt *t*](i.png) here.\n"), "{Text here.}");
  EXPECT_EQ(Read("---\n\nafter a rule\n"), "{after a rule}");
}

TEST(MarkdownReaderTest, CarriageReturnsAndByteOrderMark) {
  EXPECT_EQ(Read("\xEF\xBB\xBF# A\r\n\r\nb\r\nc\r\n"), "[(A){b c}]");
  EXPECT_EQ(Sources("\xEF\xBB\xBF# A\r\n\r\nb\r\nc\r\n"), "A\nb\r\nc");
}

TEST(MarkdownReaderTest, NothingBehindTheDocumentIsRead) {
  // What follows in memory would end the link.
  const std::string memory = "Text [l](u \"t\") and more) [x](y).";
  for (size_t size = 1; size <= memory.size(); ++size) {
    const std::string alone = memory.substr(0, size);
    EXPECT_EQ(ReadOutline(std::string_view(memory).substr(0, size), DocumentFormat::kMarkdown),
              ReadOutline(alone, DocumentFormat::kMarkdown))
        << alone;
  }
}

}  // namespace
}  // namespace strata::models
