// Mutates small samples of every format, with a fixed seed, and checks the laws of the tree on all
// that can be read. Bytes that break UTF-8 are left to document_reader_test.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <vector>

#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

struct Sample {
  DocumentFormat format;
  std::string_view text;
};

constexpr Sample kSamples[] = {
    {DocumentFormat::kPlainText,
     "\xEF\xBB\xBFTHE TITLE\r\n\r\nIntro line one\nline two. Then, e.g. this.\n\n1. Start\n\nWords "
     "here.\n\n1.1 More \u4F60\u597D\n----\n- a\n- b\n\nChapter IV\n\n\u00A0 x\n\n\u3002\u3002"},
    {DocumentFormat::kMarkdown,
     "---\na: b\n---\n# T *x* &amp; y\n\nText [l](u \"t\") `c` ![i](j)\nnext.  \nbr &copy; \\*\n\n"
     "- a\n  1. b\n> q\n> > r\n\n| a | b |\n|---|---|\n| `c` | d |\n\n```x\ncode\n```\n\n"
     "<div>raw <b>h</b></div>\n\nS\n===\n[r]: u\n\u00E9\u4F60"},
    {DocumentFormat::kHtml,
     "<!doctype html><title>T &amp; t</title><h1 class='a'>A <i>b</i></h1><p>c &lt; &#8212; d<br>"
     "<br>e<ul><li>f<li>g</ul><table>x<tr><td>h<td>i</table><h2>J</h2><pre>\nk\r\n l</pre>"
     "<script>'<p>'</script><svg><p>m</svg><b><p>n</b>o<!-- p --> \u00E9\u4F60 &notit; &"},
    {DocumentFormat::kJats,
     "<?xml version=\"1.0\"?><!DOCTYPE article SYSTEM \"x\" [<!ENTITY e \"own text\">]><article>"
     "<front><article-meta><title-group><article-title>T <sub>s</sub></article-title></title-group>"
     "<abstract><p>A. B &e; &alpha; &#945;</p></abstract></article-meta></front><body><sec><title>S"
     "</title><p>c<xref>1</xref> \u4F60</p><list><list-item><p>d</p></list-item></list><sec><p>e"
     "<![CDATA[ <f> ]]></p></sec></sec></body><back><ref-list/></back></article>"},
    {DocumentFormat::kJson,
     "{\"sections\":[{\"heading\":\"A \\u00e9\",\"level\":1,\"paragraphs\":[\"B. C \\n d.\",[\"e "
     "\","
     "\"\",\"\\ud83d\\ude00\"]]},{\"level\":2,\"heading\":\"\",\"sections\":[{\"text\":\"F G\\n\\n"
     "h.\",\"x\":[1,{\"y\":null}]}]}],\"title\":\"T\\\"\u4F60\"}"},
};

std::string Mutate(std::string text, std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {
      "<",      ">",      "&",      ";",     "\"",      "'",     "\\",          "[",      "]",
      "{",      "}",      "(",      ")",     "*",       "_",     "`",           "|",      "#",
      "-",      "=",      "\n",     "\n\n",  "\r",      " ",     "\t",          "\u00E9", "\u4F60",
      "\u2029", "\u0301", "<p>",    "</p>",  "<h2>",    "</h2>", "<table>",     "<td>",   "<!--",
      "-->",    "<sec>",  "</sec>", "&amp;", "&#0;",    "&Tab;", "&nbsp;",      ". ",     "? A",
      "> ",     "- ",     "1. ",    "\\n",   "\\u0041", "null",  "\"level\":3,"};
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const size_t changes = 1 + below(6);
  for (size_t i = 0; i < changes && !text.empty(); ++i) {
    const size_t at = below(text.size());
    const size_t size = std::min(below(24), text.size() - at);
    switch (below(5)) {
      case 0:
        text.erase(at, size);
        break;
      case 1:
        text.insert(at, std::string(kPieces[below(std::size(kPieces))]));
        break;
      case 2:
        text.insert(below(text.size()), text.substr(at, size));
        break;
      case 3:
        text.replace(at, 1, kPieces[below(std::size(kPieces))]);
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

TEST(DocumentFuzzTest, TheSamplesThemselvesAreRead) {
  for (const Sample& sample : kSamples) {
    const auto tree = ReadDocument(sample.text, sample.format);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(BrokenLaw(*tree, sample.text), "") << sample.text;
    EXPECT_GT(tree->nodes().size(), 8);
  }
}

TEST(DocumentFuzzTest, MutantsKeepTheLaws) {
  constexpr int kMutants = 2'500;
  std::mt19937 random(20240708);
  for (const Sample& sample : kSamples) {
    int read = 0;
    for (int i = 0; i < kMutants; ++i) {
      const std::string mutant = Mutate(std::string(sample.text), random);
      if (!simdjson::validate_utf8(mutant)) continue;
      for (DocumentFormat format : {sample.format, DocumentFormat::kAuto}) {
        const auto tree = ReadDocument(mutant, format, {.max_depth = 3});
        if (!tree.ok()) continue;
        ++read;
        ASSERT_EQ(BrokenLaw(*tree, mutant), "") << DocumentFormatName(format) << ":\n" << mutant;
      }
    }
    EXPECT_GT(read, 100) << DocumentFormatName(sample.format);
  }
}

}  // namespace
}  // namespace strata::models
