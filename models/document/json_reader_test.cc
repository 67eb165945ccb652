#include <gtest/gtest.h>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

std::string Read(std::string_view source) { return ReadOutline(source, DocumentFormat::kJson); }
std::string Sources(std::string_view source) { return LeafSources(source, DocumentFormat::kJson); }

TEST(JsonReaderTest, SectionsWithHeadingsAndParagraphs) {
  EXPECT_EQ(Read(R"({"title":"T","sections":[{"heading":"","paragraphs":["It is. So.","C"]},
                     {"heading":"H","paragraphs":["D"]},{"heading":"E","paragraphs":[]}]})"),
            "(T)[{It is.|So.}{C}][(H){D}][(E)]");
}

TEST(JsonReaderTest, LevelsNestInReadingOrder) {
  EXPECT_EQ(Read(R"({"sections":[{"heading":"A","level":1},{"heading":"B","level":3},
                     {"heading":"C","level":2,"paragraphs":["c"]},{"heading":"D","level":1}]})"),
            "[(A)[(B)][(C){c}]][(D)]");
  EXPECT_EQ(Read(R"({"sections":[{"heading":"A","sections":[{"heading":"B","sections":
                     [{"heading":"C"}]},{"heading":"D"}]},{"heading":"E"}]})"),
            "[(A)[(B)[(C)]][(D)]][(E)]");
  EXPECT_EQ(Read(R"({"sections":[{"heading":"A","level":2,"sections":[{"heading":"B","level":1}]},
                     {"heading":"C","level":3}]})"),
            "[(A)[(B)][(C)]]");
}

TEST(JsonReaderTest, FieldsInAnyOrder) {
  EXPECT_EQ(Read(R"({"sections":[{"paragraphs":["a"],"x":[{"y":1}],"heading":"H"}],"title":"T"})"),
            "(T)[(H){a}]");
}

TEST(JsonReaderTest, GivenSentencesAreKeptByteForByte) {
  EXPECT_EQ(Read(R"({"sentences":["  One.  Two\n","","3"]})"), "{  One.  Two\n||3}");
  EXPECT_EQ(Read(R"({"sections":[{"paragraphs":[["Fig. 1 is. Here."," b"],"c  d. E."]}]})"),
            "[{Fig. 1 is. Here.| b}{c d.|E.}]");
  EXPECT_EQ(Sources(R"({"sentences":["  One.  Two\n","","3"]})"), "  One.  Two\\n\n\n3");
}

TEST(JsonReaderTest, PlacesGoThroughEscapes) {
  const std::string_view source = R"({"text":"caf\u00e9 \"x\" \ud83d\ude00\/ end\\."})";
  EXPECT_EQ(Read(source), "{caf\u00E9 \"x\" \U0001F600/ end\\.}");
  EXPECT_EQ(Sources(source), R"(caf\u00e9 \"x\" \ud83d\ude00\/ end\\.)");
  const auto tree = ReadDocument(source, DocumentFormat::kJson);
  ASSERT_TRUE(tree.ok());
  const auto at = static_cast<int64_t>(tree->text().find("\U0001F600"));
  const ByteSpan place = tree->ToSource({at, at + 4});
  EXPECT_EQ(source.substr(place.begin, place.size()), R"(\ud83d\ude00)");
}

TEST(JsonReaderTest, TextIsReadByItsLayout) {
  EXPECT_EQ(Read(R"({"title":"T","text":"THE START\n\nOne\nline.\n\n1.1 More\n\nTwo."})"),
            "(T)[(THE START){One line.}[(1.1 More){Two.}]]");
  EXPECT_EQ(Sources(R"({"text":"One\nline.\n\nTwo."})"), "One\\nline.\nTwo.");
  EXPECT_EQ(Read(R"({"sections":[{"heading":"A","text":"B C\n\nd."},{"heading":"E"}]})"),
            "[(A){B C}{d.}][(E)]");
}

TEST(JsonReaderTest, NullIsAbsentAndOtherFieldsAreIgnored) {
  EXPECT_EQ(Read(R"({"title":null,"labels":[1,{"a":[]}],"sentences":["a"],"text":null})"), "{a}");
  EXPECT_EQ(Read(R"({"title":"only"})"), "(only)");
}

TEST(JsonReaderTest, ASectionsTitleIsItsHeading) {
  EXPECT_EQ(Read(R"({"sections":[{"title":"A","paragraphs":["a"]},{"title":"B","heading":"C"}]})"),
            "[(A){a}][(C)]");
}

TEST(JsonReaderTest, FieldsThatSayNothingAreNamed) {
  EXPECT_EQ(
      Read(R"({"id":"1","body":"Text."})"),
      "error: JSON: the object has none of the fields title, sections, paragraphs, sentences, "
      "text; it has id, body");
  EXPECT_EQ(Read(R"({"sections":[{"heading":"A"},{"name":"B","body":"Text."}]})"),
            "error: JSON: sections[1]: the section has none of the fields heading, paragraphs, "
            "sentences, text, sections; it has name, body");
}

TEST(JsonReaderTest, BrokenTextIsDescribed) {
  EXPECT_EQ(Read("{\"text\":\"a\"}\n{\"text\":\"b\"}\n"),
            "error: JSON: near byte 14: a second object begins; a file of many documents (JSON "
            "Lines) is for `strata batch`, train or eval");
  EXPECT_EQ(Read(R"({"text": ["a")"), "error: JSON: near byte 13: it ends in the middle");
  EXPECT_EQ(Read("{\"text\" = 1}"), "error: JSON: near byte 9: cannot be read: '= 1}'");
}

TEST(JsonReaderTest, ErrorsSayTheFieldOrTheByte) {
  EXPECT_EQ(Read(R"({"sections":[{"heading":"a"},{"heading":7}]})"),
            "error: JSON: sections[1].heading: expected a string, found a number");
  EXPECT_EQ(Read(R"({"sections":[{"sections":[{"level":0}]}]})"),
            "error: JSON: sections[0].sections[0].level: expected a whole number of 1 (outermost) "
            "or more, found 0");
  EXPECT_EQ(Read(R"({"sections":[{"paragraphs":["a",{"b":1}]}]})"),
            "error: JSON: sections[0].paragraphs[1]: expected a string or a list of sentences, "
            "found an object");
  EXPECT_EQ(Read(R"({"sentences":["a",["b"]]})"),
            "error: JSON: sentences[1]: expected a string, found a list");
  EXPECT_TRUE(Read(R"(["a"])").starts_with("error: JSON: expected an object"));
  EXPECT_TRUE(Read("{}").starts_with("error: JSON: the object has none of the fields"));
  EXPECT_TRUE(Read(R"({"title": tru})").starts_with("error: JSON: near byte 14"))
      << Read(R"({"title": tru})");
  EXPECT_TRUE(Read(R"({"title": "a)").starts_with("error: JSON: near byte"));
  EXPECT_TRUE(Read(R"({"title": "\ud800"})").starts_with("error: JSON: near byte"));
}

}  // namespace
}  // namespace strata::models
