// Files that a CSV file names, as documents to be scored on.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "strata/local.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

TEST(OpenLabelledDocumentsTest, ReadsTheFilesThatACsvNames) {
  const fs::path folder = fs::path(testing::TempDir()) / "open_labelled";
  fs::create_directories(folder);
  std::ofstream(folder / "a.csv") << "label,path,note\r\n\"a, b\",x.png,\"1\n2\"\r\nc,y/z.png,\r\n";
  const auto reader = OpenLabelledDocuments((folder / "a.csv").string());
  ASSERT_TRUE(reader.ok()) << reader.status();
  LabelledDocument document;
  ASSERT_TRUE((*reader)->Next(document).value());
  EXPECT_EQ(document.label, "a, b");
  EXPECT_EQ(document.document.id(), (folder / "x.png").string());
  EXPECT_EQ(document.line, 2);
  ASSERT_TRUE((*reader)->Next(document).value());
  EXPECT_EQ(document.label, "c");
  EXPECT_EQ(document.line, 4);
  EXPECT_FALSE((*reader)->Next(document).value());
  fs::remove_all(folder);
}

}  // namespace
}  // namespace strata
