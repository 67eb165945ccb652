#include <gtest/gtest.h>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

std::string Read(std::string_view source) { return ReadOutline(source, DocumentFormat::kJats); }
std::string ReadBody(std::string_view body) {
  return Read("<article><body>" + std::string(body) + "</body></article>");
}

TEST(JatsReaderTest, TitleAbstractAndSections) {
  const std::string source =
      "<?xml version=\"1.0\"?><!DOCTYPE article PUBLIC \"-//NLM//DTD JATS v1.0//EN\" \"x.dtd\">"
      "<article><front><journal-meta><journal-title>J</journal-title></journal-meta>"
      "<article-meta><article-id>1</article-id><title-group><article-title>The <italic>T</italic>"
      "</article-title></title-group><contrib-group><name>N</name></contrib-group>"
      "<abstract><title>Abstract</title><p>We did.</p></abstract><kwd-group>k</kwd-group>"
      "</article-meta></front><body><sec><label>1</label><title>A</title><p>a. b.</p>"
      "<sec><title>B</title><p>c</p></sec></sec><sec><p>d</p></sec></body>"
      "<back><ack><title>Thanks</title><p>e</p></ack><ref-list><title>R</title>"
      "<ref><article-title>x</article-title></ref></ref-list></back></article>";
  EXPECT_EQ(Read(source), "(The T)[(Abstract){We did.}][(A){a. b.}[(B){c}]][{d}][(Thanks){e}]");
  EXPECT_EQ(LeafSources(source, DocumentFormat::kJats),
            "The <italic>T\nAbstract\nWe did.\nA\na. b.\nB\nc\nd\nThanks\ne");
}

TEST(JatsReaderTest, ListsCaptionsAndTables) {
  EXPECT_EQ(ReadBody("<sec><title>S</title><list><title>L</title><list-item><p>a</p></list-item>"
                     "<list-item><p>b</p></list-item></list><fig><label>F</label><caption>"
                     "<title>C</title><p>d</p></caption><graphic/></fig><table-wrap><table><tr>"
                     "<td>1</td><td>2</td></tr></table></table-wrap></sec>"),
            "[(S){L}{a}{b}{C}{d}{1 2}]");
  EXPECT_EQ(ReadBody("<p>see <xref>1</xref> x<sub>2</sub> <inline-formula><mml:math "
                     "xmlns:mml=\"m\"><mml:mi>y</mml:mi></mml:math><tex-math>z</tex-math>"
                     "</inline-formula></p>"),
            "{see 1 x2 y}");
}

TEST(JatsReaderTest, EntitiesOfAllKinds) {
  const std::string source =
      "<!DOCTYPE article SYSTEM \"j.dtd\" [<!ENTITY own \"my own text\">]>"
      "<article><body><p>a &lt; &#945; &own; &alpha;<![CDATA[ <b> & ]]>c</p></body></article>";
  EXPECT_EQ(Read(source), "{a < \u03B1 my own text \u03B1 <b> & c}");
  EXPECT_EQ(LeafSources(source, DocumentFormat::kJats),
            "a &lt; &#945; &own; &alpha;<![CDATA[ <b> & ]]>c");
}

TEST(JatsReaderTest, ErrorsSayThePlace) {
  EXPECT_EQ(Read("<article>\n<body><p>a</body></article>"),
            "error: JATS: line 2, column 13 (byte 22): mismatched tag; correct the XML");
  EXPECT_EQ(Read("<article><p>a &nope; </p></article>"),
            "error: JATS: line 1, column 15 (byte 14): undefined entity; correct the XML");
  EXPECT_TRUE(Read("<rss><p>a</p></rss>").starts_with("error: JATS: there is no <article>"));
  EXPECT_TRUE(Read("no xml").starts_with("error: JATS: line 1"));
}

TEST(JatsReaderTest, AWrapperAroundTheArticle) {
  EXPECT_EQ(Read("<set>x<article><body><p>a</p></body></article><article><body><p>b</p></body>"
                 "</article></set>"),
            "{a}");
}

TEST(JatsReaderTest, EntitiesInEntitiesAreRefused) {
  const std::string bomb = Read(
      "<!DOCTYPE a [<!ENTITY l0 \"lol\"><!ENTITY l1 \"&l0;&l0;&l0;&l0;&l0;\">]>"
      "<article><body><p>&l1;</p></body></article>");
  EXPECT_EQ(bomb,
            "error: JATS: entity \"l1\" refers to other entities, which is not supported; expand "
            "it");
}

TEST(JatsReaderTest, AmplificationIsLimited) {
  const std::string source = "<!DOCTYPE a [<!ENTITY big \"" + Repeat("x", 10'000) + "\">]>" +
                             "<article><body><p>" + Repeat("&big;", 50'000) +
                             "</p></body></article>";
  EXPECT_TRUE(Read(source).starts_with("error: JATS: line 1")) << Read(source).substr(0, 200);
}

}  // namespace
}  // namespace strata::models
