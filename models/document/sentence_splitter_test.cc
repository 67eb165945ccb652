#include "models/document/sentence_splitter.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

std::string Sentences(std::string_view text, const std::string& locale = "en") {
  absl::StatusOr<SentenceSplitter> splitter = SentenceSplitter::Create(locale);
  if (!splitter.ok()) return "error";
  std::vector<ByteSpan> spans;
  splitter->Split(text, spans);
  std::string out;
  for (const ByteSpan span : spans) {
    if (!out.empty()) out += '|';
    out += text.substr(span.begin, span.size());
  }
  return out;
}

TEST(SentenceSplitterTest, SplitsAndTrims) {
  EXPECT_EQ(Sentences("One. Two?  Three! "), "One.|Two?|Three!");
  EXPECT_EQ(Sentences("no end"), "no end");
  EXPECT_EQ(Sentences(" \u00A0 "), "");
  EXPECT_EQ(Sentences(""), "");
}

TEST(SentenceSplitterTest, NumbersAndQuotes) {
  EXPECT_EQ(Sentences("It is 3.14 m. She said \"Go.\" Then she left."),
            "It is 3.14 m.|She said \"Go.\"|Then she left.");
}

TEST(SentenceSplitterTest, AbbreviationsDoNotEndASentence) {
  EXPECT_EQ(Sentences("See Fig. 3 by Dr. Smith (cf. Sec. 2). Done."),
            "See Fig. 3 by Dr. Smith (cf. Sec. 2).|Done.");
  EXPECT_EQ(Sentences("Use one, e.g. Rome, i.e. Paris. J. R. Miller et al. 2010 did."),
            "Use one, e.g. Rome, i.e. Paris.|J. R. Miller et al. 2010 did.");
  // ICU's own list.
  EXPECT_EQ(Sentences("Mr. Hyde left on Nov. 5. He ran."), "Mr. Hyde left on Nov. 5.|He ran.");
  EXPECT_EQ(Sentences("2. Go home. It is 5. Now."), "2. Go home.|It is 5.|Now.");
  // The last word of a text ends it.
  EXPECT_EQ(Sentences("This is etc."), "This is etc.");
}

TEST(SentenceSplitterTest, OtherScriptsAndLocales) {
  EXPECT_EQ(Sentences("\u4F60\u597D\u3002\u518D\u89C1\u3002", "zh"),
            "\u4F60\u597D\u3002|\u518D\u89C1\u3002");
  EXPECT_EQ(Sentences("Das ist z.B. Rom. Ende.", "de"), "Das ist z.B. Rom.|Ende.");
  EXPECT_EQ(Sentences("Wir Fig. Haus.", "de"), "Wir Fig.|Haus.");  // English list: English only
  EXPECT_EQ(Sentences("\u0939\u093E\u0901\u0964 \u0928\u0939\u0940\u0902\u0964", "hi"),
            "\u0939\u093E\u0901\u0964|\u0928\u0939\u0940\u0902\u0964");
}

TEST(SentenceSplitterTest, ABadLocaleIsRefused) {
  EXPECT_EQ(SentenceSplitter::Create("not a locale!").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SentenceSplitter::Create("en_US").ok());
  EXPECT_TRUE(SentenceSplitter::Create("de-CH").ok());
}

}  // namespace
}  // namespace strata::models
