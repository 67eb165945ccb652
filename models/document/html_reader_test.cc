#include <gtest/gtest.h>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

std::string Read(std::string_view source) { return ReadOutline(source, DocumentFormat::kHtml); }
std::string Sources(std::string_view source) { return LeafSources(source, DocumentFormat::kHtml); }

TEST(HtmlReaderTest, HeadingsMakeNestedSections) {
  EXPECT_EQ(Read("<html><body><h1>A</h1><p>a<h3>B</h3><p>b<h2>C</h2>c</body></html>"),
            "[(A){a}[(B){b}][(C){c}]]");
}

TEST(HtmlReaderTest, TheTitleCountsOnlyWithoutH1) {
  EXPECT_EQ(Read("<title>T &amp; t</title><h2>A</h2><p>a"), "(T & t)[(A){a}]");
  EXPECT_EQ(Read("<title>T</title><h1>A</h1><p>a"), "[(A){a}]");
  EXPECT_EQ(Read("<title>T</title><nav><h1>Menu</h1></nav><p>a"), "(T){a}");
}

TEST(HtmlReaderTest, BlocksAndInlineElements) {
  EXPECT_EQ(Read("<p>One <b>bo</b>ld.<ul><li>a<li>b</ul><blockquote>c</blockquote>d"
                 "<table><tr><td>e</td><td>f</td></tr><tr><th>g</table><pre>h\n  i</pre>"),
            "{One bold.}{a}{b}{c}{d}{e f}{g}{h i}");
  EXPECT_EQ(Read("a<br>b<br><br>c"), "{a b}{c}");
}

TEST(HtmlReaderTest, WhatNobodyReadsIsSkipped) {
  EXPECT_EQ(Read("<head><style>x{}</style></head><script>var a='<p>b';</script><nav>n</nav>"
                 "<p hidden>h</p><p aria-hidden=true>i</p><svg><text>t</text></svg>"
                 "<noscript>j</noscript><template><p>k</template><!-- l --><p>end"),
            "{end}");
}

TEST(HtmlReaderTest, PlacesAreExactThroughEntitiesAndTags) {
  const std::string_view source =
      "<p>caf&eacute; &lt;x&gt; &#8212; a<i>b</i>c &notit; AT&T &amp done</p>";
  EXPECT_EQ(Read(source), "{caf\u00E9 <x> \u2014 abc \u00ACit; AT&T & done}");
  EXPECT_EQ(Sources(source), "caf&eacute; &lt;x&gt; &#8212; a<i>b</i>c &notit; AT&T &amp done");
  const auto tree = ReadDocument(source, DocumentFormat::kHtml);
  ASSERT_TRUE(tree.ok());
  const auto at = static_cast<int64_t>(tree->text().find("abc"));
  const ByteSpan place = tree->ToSource({at, at + 2});
  EXPECT_EQ(source.substr(place.begin, place.size()), "a<i>b");
}

TEST(HtmlReaderTest, LineEndsAndIgnoredTags) {
  EXPECT_EQ(Read("<p>a\r\nb\rc</nosuch>d</p>"), "{a b cd}");
  EXPECT_EQ(Sources("<p>a\r\nb</nosuch>c</p>"), "a\r\nb</nosuch>c");
}

TEST(HtmlReaderTest, HeadingsOfAllKinds) {
  EXPECT_EQ(Read("<h1><div>A</div> <span>b</span></h1><p>c"), "[(A b){c}]");
  // Not closed: the page is not all heading.
  EXPECT_EQ(Read("<h1>A<p>b<p>c"), "[(A){b}{c}]");
  EXPECT_EQ(Read("<h2></h2><p>a"), "[{a}]");
}

TEST(HtmlReaderTest, TextMovedOutOfATable) {
  EXPECT_EQ(Read("<table>early<tr><td>cell</table>late"), "{early}{cell}{late}");
}

TEST(HtmlReaderTest, BrokenMarkupHasADefinedResult) {
  EXPECT_EQ(Read("<p>a &am"), "{a &am}");
  EXPECT_EQ(Read("<p>a &"), "{a &}");
  EXPECT_EQ(Read("<p>a <b"), "{a}");
  EXPECT_EQ(Read("<p>a <!-- b"), "{a}");
  EXPECT_EQ(Read("a < b && c > d"), "{a < b && c > d}");
  EXPECT_EQ(Read("<b><i>a</b>b</i>c"), "{abc}");
}

}  // namespace
}  // namespace strata::models
