// Input made to break readers: each must end soon, with a tree that keeps the laws or an error.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <iostream>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

// Processor time, so that a busy machine fails nothing.
class Stopwatch {
 public:
  double seconds() const { return static_cast<double>(std::clock() - begin_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t begin_ = std::clock();
};

// Generous: sanitizers are slow, the quadratic forms take minutes.
constexpr double kMostSeconds = 60;

void ExpectDefined(std::string_view name, std::string_view source, DocumentFormat format) {
  const Stopwatch watch;
  const auto tree = ReadDocument(source, format);
  EXPECT_LT(watch.seconds(), kMostSeconds) << name;
  if (!tree.ok()) {
    EXPECT_FALSE(tree.status().message().empty()) << name;
    EXPECT_NE(tree.status().code(), absl::StatusCode::kInternal) << name;
    return;
  }
  if (source.size() < 1 << 20) {
    EXPECT_EQ(BrokenLaw(*tree, source), "") << name;
  }
}

int64_t Deepest(const DocumentTree& tree) {
  int64_t deepest = 0;
  for (const Node& node : tree.nodes()) deepest = std::max<int64_t>(deepest, node.level);
  return deepest;
}

TEST(HostileInputTest, TenThousandLevelsInEveryFormat) {
  constexpr int64_t kLevels = 10'000;
  const struct {
    std::string source;
    DocumentFormat format;
  } kCases[] = {
      {Repeat("<div>", kLevels) + "a" + Repeat("</div>", kLevels), DocumentFormat::kHtml},
      {Repeat("<ul><li>", kLevels) + "a", DocumentFormat::kHtml},
      {Repeat("<b>", kLevels) + "a", DocumentFormat::kHtml},
      {Repeat("<table><tr><td>", kLevels) + "a", DocumentFormat::kHtml},
      {Repeat(">", kLevels) + " a", DocumentFormat::kMarkdown},
      {Repeat("- ", kLevels) + "a", DocumentFormat::kMarkdown},
      {Repeat("[", kLevels) + "a" + Repeat("]", kLevels), DocumentFormat::kMarkdown},
      {"<article><body>" + Repeat("<sec><title>t</title>", kLevels) + "<p>a</p>" +
           Repeat("</sec>", kLevels) + "</body></article>",
       DocumentFormat::kJats},
      {"{\"sections\":" + Repeat("[{\"heading\":\"t\",\"sections\":", kLevels) + "[]" +
           Repeat("}]", kLevels) + "}",
       DocumentFormat::kJson},
      {"{\"x\":" + Repeat("[", kLevels) + Repeat("]", kLevels) + ",\"text\":\"a\"}",
       DocumentFormat::kJson},
      {Repeat("1.", 39) + "1 A\n\nb", DocumentFormat::kPlainText},
  };
  for (const auto& hostile : kCases) {
    const auto tree = ReadDocument(hostile.source, hostile.format);
    ASSERT_TRUE(tree.ok()) << hostile.source.substr(0, 20) << tree.status();
    EXPECT_EQ(BrokenLaw(*tree, hostile.source), "") << hostile.source.substr(0, 20);
    EXPECT_FALSE(tree->text().empty());
    EXPECT_LE(Deepest(*tree), ReaderLimits().max_depth + 2);
  }
}

TEST(HostileInputTest, AMillionLevelsAreRefusedOrRead) {
  constexpr int64_t kLevels = 1'000'000;
  ExpectDefined("div", Repeat("<div>", kLevels), DocumentFormat::kHtml);
  ExpectDefined("b", Repeat("<b>", kLevels), DocumentFormat::kHtml);
  ExpectDefined("quote", Repeat(">", kLevels) + "a\n" + Repeat("\n", kLevels),
                DocumentFormat::kMarkdown);
  ExpectDefined("list", Repeat("- ", kLevels) + "a\n" + Repeat("\n", kLevels),
                DocumentFormat::kMarkdown);
  ExpectDefined("sec", "<article>" + Repeat("<sec>", kLevels), DocumentFormat::kJats);
  ExpectDefined("array", "{\"a\":" + Repeat("[", kLevels) + Repeat("]", kLevels) + "}",
                DocumentFormat::kJson);
  ExpectDefined("unclosed array", "{\"a\":" + Repeat("[", kLevels), DocumentFormat::kJson);
}

// Below max_depth sections have no node; a block must not look for one through all of them.
TEST(HostileInputTest, ManyBlocksUnderAMillionLevelsAreFast) {
  ExpectDefined("jats",
                "<article><body>" + Repeat("<sec>", 1'000'000) + Repeat("<p>a</p>", 300'000) +
                    Repeat("</sec>", 1'000'000) + "</body></article>",
                DocumentFormat::kJats);
}

TEST(HostileInputTest, QuadraticHtmlIsRefused) {
  const auto refused = [](std::string_view source) {
    const Stopwatch watch;
    const auto tree = ReadDocument(source, DocumentFormat::kHtml);
    EXPECT_LT(watch.seconds(), kMostSeconds);
    EXPECT_EQ(tree.status().code(), absl::StatusCode::kResourceExhausted)
        << source.substr(0, 40) << tree.status();
  };
  std::string distinct_fonts;
  std::string attributes = "<p ";
  for (int i = 0; i < 20'000; ++i) {
    distinct_fonts.append("<font size=").append(std::to_string(i)).append(">");
    attributes.append("a").append(std::to_string(i)).append(" ");
    attributes.append("b").append(std::to_string(i)).append("=1 ");
  }
  refused(Repeat("<div>", 200'000) + Repeat("<p>a", 200'000));
  refused(distinct_fonts + Repeat("<p>a</p>", 20'000));
  refused(attributes + ">");
  refused(Repeat("<div>", 50'000) + "<!--" + Repeat("</div>", 50'000) + "-->" +
          Repeat("<p>a", 50'000));
  refused(Repeat("<div>", 50'000) + "<p title='" + Repeat("</div>", 50'000) + "'>" +
          Repeat("<p>a", 50'000));
  refused(Repeat("<div>", 50'000) + "<script><!--<script></script>" + Repeat("</div>", 50'000) +
          "--></script>" + Repeat("<p>a", 50'000));
  refused(Repeat("<i>", 5'000'000));
}

TEST(HostileInputTest, SloppyButHarmlessHtmlIsRead) {
  const auto read = [](std::string_view source) {
    const auto tree = ReadDocument(source, DocumentFormat::kHtml);
    EXPECT_TRUE(tree.ok()) << source.substr(0, 40) << tree.status();
  };
  read(Repeat("<p>a <b>b<p>", 20'000));
  read(Repeat("<p><font size=2>a</p>", 20'000));
  read(Repeat("<li>a <i>b", 20'000));
  read("<table>" + Repeat("<tr><td>a<td><b>b", 20'000));
  read(Repeat("<b><i>a</b></i> ", 5'000));
  read(Repeat("<a href=x>a<br>", 20'000));
  read(Repeat("<div><p>a</div>", 50'000));
  read("<script>" + Repeat("x='<div>';", 5'000) + "</script>" + Repeat("<p>a</p>", 20'000));
}

TEST(HostileInputTest, QuadraticMarkdownIsRefusedOrFast) {
  ExpectDefined("links", Repeat("see [a](b) and\n", 200'000), DocumentFormat::kMarkdown);
  ExpectDefined("table", "a|b\n-|-\n" + Repeat("[c](d)|e\n", 200'000), DocumentFormat::kMarkdown);
  ExpectDefined("wide table",
                Repeat("a|", 20'000) + "\n" + Repeat("-|", 20'000) + "\n" + Repeat("x|\n", 20'000),
                DocumentFormat::kMarkdown);
  ExpectDefined("emphasis", Repeat("*a **a _b ", 100'000), DocumentFormat::kMarkdown);
  ExpectDefined("open links", Repeat("[a](", 100'000), DocumentFormat::kMarkdown);
  ExpectDefined("images", Repeat("![a", 100'000), DocumentFormat::kMarkdown);
  ExpectDefined("html", Repeat("a <b c='", 100'000), DocumentFormat::kMarkdown);
  ExpectDefined("comments", Repeat("a <!-- ", 100'000), DocumentFormat::kMarkdown);
  ExpectDefined("raw comments", Repeat("<!--\n\n", 100'000), DocumentFormat::kMarkdown);
  ExpectDefined("references", Repeat("[a]: b\n", 50'000) + "\n" + Repeat("[a] ", 50'000),
                DocumentFormat::kMarkdown);
  ExpectDefined("entities", Repeat("&amp;&#65;&nope;", 50'000), DocumentFormat::kMarkdown);
  std::string names;
  for (int i = 0; i < 50'000; ++i) names.append("&a").append(std::to_string(i)).append(";");
  ExpectDefined("entity names", names, DocumentFormat::kMarkdown);
  ExpectDefined("front matter", Repeat("---\n", 100'000), DocumentFormat::kMarkdown);
}

TEST(HostileInputTest, HtmlOfOddPieces) {
  for (std::string_view piece :
       {"<",          "<!--",      "&",          "&#x",         "&#9999999999;",
        "</p>",       "<a href='", "<![CDATA[",  "<script>",    "<title>",
        "<textarea>", "<table>",   "<select>",   "<svg>",       "<math>",
        "<template>", "<form>",    "<frameset>", "<body a=1>",  "<h1>",
        "<br>",       "</br>",     "<p",         "<plaintext>", "<ruby><rt>"}) {
    ExpectDefined(piece, Repeat(piece, 3'000), DocumentFormat::kHtml);
    ExpectDefined(piece, Repeat(std::string(piece) + "a", 3'000), DocumentFormat::kHtml);
    ExpectDefined(piece, "<p>" + Repeat(std::string(piece) + " ", 3'000), DocumentFormat::kHtml);
  }
}

TEST(HostileInputTest, ManyTinyParts) {
  ReaderLimits limits;
  limits.max_nodes = 1'000'000;
  const auto tree = ReadDocument(Repeat("a\n\n", 2'000'000), DocumentFormat::kPlainText, limits);
  EXPECT_EQ(tree.status().code(), absl::StatusCode::kResourceExhausted);
  ExpectDefined("blank lines", Repeat("\n", 5'000'000) + "a", DocumentFormat::kPlainText);
  ExpectDefined("stops", Repeat(".", 5'000'000), DocumentFormat::kPlainText);
  ExpectDefined("closers", Repeat("a.) ", 1'000'000), DocumentFormat::kPlainText);
  ExpectDefined("digits after a stop", "a. " + Repeat("1", 5'000'000), DocumentFormat::kPlainText);
  ExpectDefined("short words", Repeat("a ", 2'000'000), DocumentFormat::kPlainText);
  ExpectDefined("spaces", Repeat("a", 1) + Repeat(" \t", 2'000'000) + "b",
                DocumentFormat::kPlainText);
}

TEST(HostileInputTest, OneLineOfFiftyMegabytesWithoutASpace) {
  const std::string line = Repeat("x", 50'000'000);
  const auto tree = ReadDocument(line, DocumentFormat::kPlainText);
  ASSERT_TRUE(tree.ok()) << tree.status();
  ASSERT_EQ(tree->nodes().size(), 3);
  EXPECT_EQ(tree->TextOf(tree->nodes()[2]).size(), line.size());
  EXPECT_TRUE(ReadDocument(line, DocumentFormat::kMarkdown).ok());
}

TEST(HostileInputTest, TwoHundredMegabytesOfText) {
  std::string part = "1.1 A heading of a part\n\n";
  for (int line = 0; line < 40; ++line) {
    part += "A hard-wrapped line of seventy bytes, a sentence that ends there. It\n";
    part +=
        line % 8 == 7 ? "\n" : "goes on here with more words, as lines of real prose like to do\n";
  }
  const std::string source = Repeat(part, 200'000'000 / static_cast<int64_t>(part.size()) + 1);
  const Stopwatch watch;
  const auto tree = ReadDocument(source, DocumentFormat::kPlainText);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_LT(watch.seconds(), kMostSeconds);
  std::cout << source.size() / 1e6 / watch.seconds() << " MB/s of plain text\n";
  EXPECT_GT(tree->nodes().size(), 1'000'000);
  const Node& last = tree->nodes().back();
  EXPECT_EQ(tree->ToSource(last.text), last.source);
}

}  // namespace
}  // namespace strata::models
