// Scores on files that a CSV file names, and the models of images and sounds that the repository
// ships: each as good as its card says on files that it was not trained on, where ../shared has
// them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "strata/embedded.h"
#include "strata/eval.h"
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

struct Shipped {
  const char* model;
  const char* data;
  double accuracy;  // of its card, on dev
};

class ShippedMediaTest : public testing::TestWithParam<Shipped> {};

TEST_P(ShippedMediaTest, IsAsGoodAsItsCardSays) {
  const fs::path csv = fs::path(STRATA_SHARED_DIR) / "data" / GetParam().data / "dev.csv";
  if (!fs::exists(csv)) {
    std::cout << "shared data absent: " << csv << " is not there, nothing was scored\n";
    return;
  }
  EmbeddedOptions options;
  options.compute_threads = 1;
  options.models = {
      {"m", (fs::path(STRATA_SOURCE_DIR) / "models/zoo" / GetParam().model).string()}};
  const auto client = MakeEmbeddedClient(options);
  ASSERT_TRUE(client.ok()) << client.status();
  const auto report = Evaluate(*client, csv.string());
  ASSERT_TRUE(report.ok()) << report.status();
  const ClassificationScore& score = report->score;
  std::cout << GetParam().model << ": accuracy " << score.accuracy << " ["
            << score.accuracy_interval.low << ", " << score.accuracy_interval.high << "], macro-F1 "
            << score.macro_f1 << "\n";
  EXPECT_NEAR(score.accuracy, GetParam().accuracy, 0.005);
  EXPECT_EQ(score.classes.size(), 10U);
}

INSTANTIATE_TEST_SUITE_P(Zoo, ShippedMediaTest,
                         testing::Values(Shipped{"spoken-digits", "free_spoken_digits", 0.964},
                                         Shipped{"sign-digits", "sign_digits", 0.988}),
                         [](const auto& shipped) { return std::string(shipped.param.data); });

}  // namespace
}  // namespace strata
