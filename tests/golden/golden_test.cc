// Every golden case of the reference that this build has a model for, at its stated tolerance.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/verify/verify.h"

namespace strata::models {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> CaseFolders(const std::string& family) {
  std::vector<std::string> folders;
  const fs::path root = fs::path(STRATA_SHARED_DIR) / "goldens" / family;
  if (!fs::exists(root)) {
    std::cout << "shared data absent: " << root << " is not there, no golden case was run\n";
    return folders;
  }
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_directory()) folders.push_back(entry.path().string());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

void ExpectPass(const std::string& folder) {
  const VerifyResult result = VerifyCase(folder);
  EXPECT_TRUE(result.pass) << folder << ": " << result.status;
  for (const VerifyOutput& output : result.outputs) {
    EXPECT_TRUE(output.pass()) << result.case_name << " " << output.name << " is "
                               << output.max_abs_error << " off, allowed " << output.tolerance;
  }
  std::cout << result.case_name << ": " << result.outputs.size() << " outputs, max error "
            << result.max_abs_error << "\n";
}

TEST(Golden, Hdt) {
  for (const std::string& folder : CaseFolders("hdt")) ExpectPass(folder);
}

TEST(Golden, SoundTaggers) {
  for (const std::string& folder : CaseFolders("htsat")) ExpectPass(folder);
}

TEST(Golden, AudioTowers) {
  for (const std::string& folder : CaseFolders("clap_audio")) ExpectPass(folder);
}

TEST(Golden, ImageEncoders) {
  for (const char* family : {"swin", "hiera", "maxvit", "fastervit", "dinat"}) {
    for (const std::string& folder : CaseFolders(family)) ExpectPass(folder);
  }
}

TEST(Golden, Hat) {
  for (const std::string& folder : CaseFolders("hat")) ExpectPass(folder);
}

TEST(Golden, Smith) {
  for (const std::string& folder : CaseFolders("smith")) ExpectPass(folder);
}

TEST(Golden, AFolderThatIsNoCaseSaysWhy) {
  const VerifyResult result = VerifyCase("no/such/folder");
  EXPECT_FALSE(result.pass);
  EXPECT_EQ(result.status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(result.case_name, "folder");
}

}  // namespace
}  // namespace strata::models
