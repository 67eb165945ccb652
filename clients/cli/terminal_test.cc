#include "clients/cli/terminal.h"

#include <gtest/gtest.h>

#include "clients/cli/progress.h"

namespace strata::cli {
namespace {

TEST(TerminalTest, Bar) {
  EXPECT_EQ(Bar(0, 3), "···");
  EXPECT_EQ(Bar(0.5, 3), "█▌·");
  EXPECT_EQ(Bar(1, 3), "███");
  EXPECT_EQ(Bar(7, 3), "███");
}

TEST(TerminalTest, OneLineFoldsAndCutsBetweenCharacters) {
  EXPECT_EQ(OneLine("  two\n\t words ", 20), "two words");
  EXPECT_EQ(OneLine("abcdef", 6), "abcdef");
  EXPECT_EQ(OneLine("abcdefg", 6), "abcde…");
  EXPECT_EQ(OneLine("äöüäöü", 4), "äöü…");
  EXPECT_EQ(OneLine("\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 2), "\xf0\x9f\x98\x80…");
  EXPECT_EQ(OneLine("\x1b[31mred", 20), "[31mred");
  EXPECT_EQ(OneLine("a \xc2\x9b"
                    "31mred caf\xc3\xa9",
                    20),
            "a 31mred caf\xc3\xa9");
}

TEST(TerminalTest, Numbers) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.0 KB");
  EXPECT_EQ(FormatBytes(999'960), "1.0 MB");
  EXPECT_EQ(FormatSeconds(7), "0:07");
  EXPECT_EQ(FormatSeconds(3723), "1:02:03");
  EXPECT_EQ(FormatSeconds(1e300), "-");
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
}

TEST(TerminalTest, CountedIsRightForOne) {
  EXPECT_EQ(Counted(1, "layer"), "1 layer");
  EXPECT_EQ(Counted(0, "layer"), "0 layers");
  EXPECT_EQ(Counted(1234, "byte"), "1,234 bytes");
}

TEST(TerminalTest, PrintableLeavesNoControlCharacter) {
  EXPECT_EQ(Printable("a\x1b[31mb\n\x7f"), "a\\x1b[31mb\\x0a\\x7f");
  EXPECT_EQ(Printable("caf\xc3\xa9 \xc2\x9b"
                      "31m"),
            "caf\xc3\xa9 \\u009b31m");
}

TEST(TerminalTest, FoldedLeavesNoControlCharacter) {
  EXPECT_EQ(Folded("one\ntwo \x1b[0m \xc2\x9b"
                   "31m caf\xc3\xa9"),
            "one two  [0m  31m caf\xc3\xa9");
  EXPECT_EQ(Folded("\xc2"), "\xc2");
}

TEST(TerminalTest, WrapBreaksBetweenWords) {
  EXPECT_EQ(Wrap("one two three", 7), "one two\nthree");
  EXPECT_EQ(Wrap("one two three", 6), "one\ntwo\nthree");
  EXPECT_EQ(Wrap("one\ntwo three", 7), "one two\nthree");
  EXPECT_EQ(Wrap("incomprehensible", 5), "incomprehensible");
  EXPECT_EQ(Wrap("", 5), "");
}

TEST(ProgressTest, TextTellsRateAndTimeLeft) {
  ProgressState state;
  state.done_before = 20;
  state.done = 80;
  state.total = 200;
  state.failed = 2;
  state.bytes_done = 1'000'000;
  state.bytes_total = 3'000'000;
  state.seconds = 10;
  // By bytes: two thirds are left, 20 s; by documents it would be 12 s.
  EXPECT_EQ(ProgressText(state), "100/200 docs  8.0 docs/s  0.10 MB/s  0:20 left  2 failed");
  state.done = 180;
  EXPECT_EQ(ProgressText(state), "200/200 docs  18.0 docs/s  0.10 MB/s  in 0:10  2 failed");
}

}  // namespace
}  // namespace strata::cli
