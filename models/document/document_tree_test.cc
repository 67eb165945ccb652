#include "models/document/document_tree.h"

#include <gtest/gtest.h>

namespace strata::models {
namespace {

TEST(SourceMapTest, CopiedRunsAreExactAndMerge) {
  SourceMap map;
  map.Append(3, {10, 13});
  map.Append(2, {13, 15});
  EXPECT_EQ(map.ToSource({0, 5}), (ByteSpan{10, 15}));
  EXPECT_EQ(map.ToSource({1, 4}), (ByteSpan{11, 14}));
  EXPECT_EQ(map.text_size(), 5);
}

TEST(SourceMapTest, AWholeRunGivesItsWholePlace) {
  SourceMap map;
  map.Append(2, {0, 2});  // "ab"
  map.Append(1, {2, 7});  // "&amp;"
  map.Append(2, {7, 9});  // "cd"
  EXPECT_EQ(map.ToSource({2, 3}), (ByteSpan{2, 7}));
  EXPECT_EQ(map.ToSource({1, 3}), (ByteSpan{1, 7}));
  EXPECT_EQ(map.ToSource({2, 4}), (ByteSpan{2, 8}));
  EXPECT_EQ(map.ToSource({0, 5}), (ByteSpan{0, 9}));
}

TEST(SourceMapTest, GapsBetweenRunsAreCoveredOnlyFromInside) {
  SourceMap map;
  map.Append(2, {0, 2});
  map.Append(2, {9, 11});
  EXPECT_EQ(map.ToSource({0, 2}), (ByteSpan{0, 2}));
  EXPECT_EQ(map.ToSource({2, 4}), (ByteSpan{9, 11}));
  EXPECT_EQ(map.ToSource({1, 3}), (ByteSpan{1, 10}));
}

TEST(SourceMapTest, AnEmptyRangeIsAPoint) {
  SourceMap map;
  EXPECT_EQ(map.ToSource({0, 0}), (ByteSpan{0, 0}));
  map.Append(2, {5, 7});
  map.Append(1, {7, 12});
  EXPECT_EQ(map.ToSource({1, 1}), (ByteSpan{6, 6}));
  EXPECT_EQ(map.ToSource({3, 3}), (ByteSpan{12, 12}));
}

TEST(SourceMapTest, TextInAnotherOrderThanTheSource) {
  SourceMap map;
  map.Append(2, {50, 52});
  map.Append(2, {0, 2});
  map.Append(2, {20, 22});
  EXPECT_EQ(map.ToSource({0, 6}), (ByteSpan{0, 52}));
  EXPECT_EQ(map.ToSource({3, 5}), (ByteSpan{1, 21}));
}

TEST(SourceMapTest, AppendRangeTakesPartsOfRuns) {
  SourceMap inner;
  inner.Append(4, {100, 104});
  inner.Append(1, {104, 110});
  inner.Append(4, {110, 114});
  SourceMap map;
  map.AppendRange(inner, {2, 6});
  EXPECT_EQ(map.text_size(), 4);
  EXPECT_EQ(map.ToSource({0, 2}), (ByteSpan{102, 104}));
  EXPECT_EQ(map.ToSource({2, 3}), (ByteSpan{104, 110}));
  EXPECT_EQ(map.ToSource({3, 4}), (ByteSpan{110, 111}));
}

TEST(NodeKindTest, Names) {
  EXPECT_EQ(NodeKindName(NodeKind::kDocument), "document");
  EXPECT_EQ(NodeKindName(NodeKind::kSentence), "sentence");
}

}  // namespace
}  // namespace strata::models
