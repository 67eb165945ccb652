#include "models/tokenizer/token_nodes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "models/document/document_reader.h"

namespace strata::models {
namespace {

class TokenNodesTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path folder = testing::TempDir() + "/token_nodes_test";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "vocab.txt")
        << "[UNK]\n[CLS]\n[SEP]\n[PAD]\n[MASK]\nsea\n##side\ngulls\n&\n.\n";
    auto loaded = Tokenizer::Load(folder.string());
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    tokenizer_ = *std::move(loaded);
  }

  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(TokenNodesTest, EveryTokenIsBelowItsLeafWithItsBytesInTheSource) {
  const std::string source = "<h1>Sea</h1><p>Seaside &amp; gulls. Gulls.</p>";
  auto tree = ReadDocument(source, DocumentFormat::kHtml);
  ASSERT_TRUE(tree.ok()) << tree.status();
  const size_t num_nodes = tree->nodes().size();
  auto with_tokens = AddTokenNodes(*tree, *tokenizer_);
  ASSERT_TRUE(with_tokens.ok()) << with_tokens.status();

  std::string found;
  size_t num_tokens = 0;
  const auto& nodes = with_tokens->nodes();
  for (size_t n = 1; n < nodes.size(); ++n) {
    ASSERT_LT(nodes[n].parent, static_cast<int32_t>(n));  // preorder
    ASSERT_EQ(nodes[n].level, nodes[static_cast<size_t>(nodes[n].parent)].level + 1);
    if (nodes[n].kind != NodeKind::kToken) continue;
    ++num_tokens;
    const Node& leaf = nodes[static_cast<size_t>(nodes[n].parent)];
    EXPECT_TRUE(leaf.kind == NodeKind::kHeading || leaf.kind == NodeKind::kSentence);
    EXPECT_GE(nodes[n].text.begin, leaf.text.begin);
    EXPECT_LE(nodes[n].text.end, leaf.text.end);
    found += source.substr(nodes[n].source.begin, nodes[n].source.size()) + "|";
  }
  EXPECT_EQ(found, "Sea|Sea|side|&amp;|gulls|.|Gulls|.|");
  EXPECT_EQ(nodes.size(), num_nodes + num_tokens);
  EXPECT_EQ(with_tokens->text(), tree->text());
}

TEST_F(TokenNodesTest, AnEmptyDocumentStaysAsItIs) {
  auto tree = ReadDocument("", DocumentFormat::kPlainText);
  ASSERT_TRUE(tree.ok()) << tree.status();
  auto with_tokens = AddTokenNodes(*tree, *tokenizer_);
  ASSERT_TRUE(with_tokens.ok()) << with_tokens.status();
  EXPECT_EQ(with_tokens->nodes().size(), tree->nodes().size());
}

}  // namespace
}  // namespace strata::models
