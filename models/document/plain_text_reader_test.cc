#include <gtest/gtest.h>

#include "models/document/document_test_checks.h"
#include "models/document/plain_text_layout.h"

namespace strata::models {
namespace {

constexpr std::string_view kLong =
    "This paragraph is long enough to be one: it goes on and on, as real paragraphs of prose do.";

std::string Read(std::string_view source) {
  return ReadOutline(source, DocumentFormat::kPlainText);
}
std::string WithLong(std::string text) {
  for (size_t at; (at = text.find('~')) != std::string::npos;) text.replace(at, 1, kLong);
  return text;
}
std::string ReadWithLong(std::string_view source) { return Read(WithLong(std::string(source))); }

TEST(PlainTextReaderTest, WrappedLinesAreOneParagraph) {
  EXPECT_EQ(Read("One line\nand  another. And\n\ta third.\n\nNext one.\n"),
            "{One line and another.|And a third.}{Next one.}");
  EXPECT_EQ(LeafSources("a\n b.\n\nc d.", DocumentFormat::kPlainText), "a\n b.\nc d.");
}

TEST(PlainTextReaderTest, LineEndsOfAllSystems) {
  EXPECT_EQ(Read("a\r\nb.\r\n\r\nc.\r\n"), "{a b.}{c.}");
  EXPECT_EQ(Read("a\rb.\r\rc.\r"), "{a b.}{c.}");
}

TEST(PlainTextReaderTest, UnderlinedHeadings) {
  EXPECT_EQ(
      Read("Title\n=====\n\nIntro text.\n\nPart one\n--------\nBody text.\n\nPart two\n---\n"),
      "[(Title){Intro text.}[(Part one){Body text.}][(Part two)]]");
  EXPECT_EQ(Read("a\n\n----\n\nb"), "{a}{b}");
}

TEST(PlainTextReaderTest, NumberedHeadingsNestByTheirDepth) {
  EXPECT_EQ(Read("1 Start\n\nText a.\n\n1.1 More\n\nText b.\n\n1.1.1 Deep\n\nText c.\n\n"
                 "2. Why?\n\nText d.\n"),
            "[(1 Start){Text a.}[(1.1 More){Text b.}[(1.1.1 Deep){Text c.}]]][(2. Why?){Text d.}]");
}

TEST(PlainTextReaderTest, ANumberedListIsNoRowOfHeadings) {
  EXPECT_EQ(Read("To do:\n\n1. Buy milk\n\n2. Go home\n\n3. Sleep\n\nThat is all.\n"),
            "{To do:}{1. Buy milk}{2. Go home}{3. Sleep}{That is all.}");
  EXPECT_EQ(Read("2010 was a good year"), "{2010 was a good year}");
  EXPECT_EQ(Read("3.5 times as many"), "{3.5 times as many}");
}

TEST(PlainTextReaderTest, CapitalsAndChapters) {
  EXPECT_EQ(
      Read("PART ONE\n\nChapter IV\n\nText a.\n\nChapter V: The Sea\n\nText b.\n\nPART TWO\n"),
      "[(PART ONE)[(Chapter IV){Text a.}][(Chapter V: The Sea){Text b.}]][(PART TWO)]");
  EXPECT_EQ(Read("CHAPTER I\nThe Beginning\n\nIt began.\n"),
            "[(CHAPTER I The Beginning){It began.}]");
  EXPECT_EQ(Read("THE END OF IT\nGoes on here.\n\nNASA\n"),
            "[(THE END OF IT){Goes on here.}][(NASA)]");
  EXPECT_EQ(Read("Part of the plan failed"), "{Part of the plan failed}");
}

TEST(PlainTextReaderTest, AShortLineIsAHeadingOnlyAboveARealParagraph) {
  EXPECT_EQ(ReadWithLong("Methods\n\n~\n\nResults\n\n~\n"),
            WithLong("[(Methods){~}][(Results){~}]"));
  EXPECT_EQ(Read("Roses are red\n\nViolets are blue\n\nShort too\n"),
            "{Roses are red}{Violets are blue}{Short too}");
  EXPECT_EQ(ReadWithLong("This is a sentence.\n\n~\n"), WithLong("{This is a sentence.}{~}"));
  EXPECT_EQ(ReadWithLong("lower case start\n\n~\n"), WithLong("{lower case start}{~}"));
  // Beside numbered headings, not below them.
  EXPECT_EQ(ReadWithLong("Abstract\n\n~\n\n1 Intro\n\n~\n\nReferences\n\n~\n"),
            WithLong("[(Abstract){~}][(1 Intro){~}][(References){~}]"));
}

TEST(PlainTextReaderTest, ListItemsArePartsOfTheirOwn) {
  EXPECT_EQ(Read("- one\n  goes on\n- two\n\n* three\n* four\n"),
            "{- one goes on}{- two}{* three}{* four}");
  EXPECT_EQ(Read("Take 2 of\n- these\n- those\n"), "{Take 2 of - these - those}");
}

TEST(PlainTextReaderTest, AnUnwrappedTextHasOneParagraphALine) {
  const std::string line = Repeat("word ", 80) + "end.";
  EXPECT_EQ(Read("SOME TITLE\n" + line + "\n" + line + "\n"),
            "[(SOME TITLE){" + line + "}{" + line + "}]");
}

TEST(PlainTextReaderTest, ByteOrderMarkIsSkippedButCounts) {
  const std::string source = "\xEF\xBB\xBFHello you.";
  EXPECT_EQ(Read(source), "{Hello you.}");
  EXPECT_EQ(LeafSources(source, DocumentFormat::kPlainText), "Hello you.");
}

TEST(PlainTextReaderTest, HeadingsOnly) {
  EXPECT_EQ(Read("FIRST ONE\n\nSECOND ONE\n\n1.1 Third\n"),
            "[(FIRST ONE)][(SECOND ONE)[(1.1 Third)]]");
}

TEST(PlainTextLayoutTest, Looks) {
  EXPECT_EQ(LookOfLine("1.2.3 Title here").depth, 3);
  EXPECT_EQ(LookOfLine("1.2.3 Title here.").style, HeadingStyle::kNone);
  EXPECT_EQ(LookOfLine("Appendix B").style, HeadingStyle::kChapter);
  EXPECT_EQ(LookOfLine("ZUSAMMENFASSUNG \u00DCBER ALLES").style, HeadingStyle::kCapitals);
  EXPECT_EQ(LookOfLine("USA, UK,").style, HeadingStyle::kNone);
  EXPECT_EQ(LookOfLine(Repeat("word ", 13)).style, HeadingStyle::kNone);
  EXPECT_EQ(RuleOfLine("====="), '=');
  EXPECT_EQ(RuleOfLine("--"), 0);
  EXPECT_EQ(RuleOfLine("==-"), 0);
  EXPECT_TRUE(IsListItem("(a) item"));
  EXPECT_TRUE(IsListItem("12. item"));
  EXPECT_FALSE(IsListItem("12.5 items"));
  EXPECT_FALSE(IsListItem("-item"));
}

}  // namespace
}  // namespace strata::models
