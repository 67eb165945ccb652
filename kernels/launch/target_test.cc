// ctest runs this program once without STRATA_TARGET, once with each target, once with nonsense.
#include "kernels/launch/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "kernels/attention/attention_kernels.h"

namespace strata::kernels {
namespace {

TEST(TargetTest, TheEnvironmentDecides) {
  const char* variable = std::getenv("STRATA_TARGET");
  const std::string wanted = variable == nullptr ? "" : variable;
  const std::vector<std::string> supported = SupportedTargetNames();
  ASSERT_THAT(supported, testing::Contains("scalar"));
  if (wanted.empty()) {
    EXPECT_TRUE(SelectTarget().ok());
    EXPECT_EQ(ActiveTargetName(), supported.front());
  } else if (std::count(supported.begin(), supported.end(), wanted) > 0) {
    EXPECT_TRUE(SelectTarget().ok());
    EXPECT_EQ(ActiveTargetName(), wanted);
  } else {
    EXPECT_EQ(SelectTarget().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(SelectTarget().message()),
                testing::HasSubstr("STRATA_TARGET=" + wanted));
    EXPECT_THAT(std::string(SelectTarget().message()), testing::HasSubstr("scalar"));
    EXPECT_EQ(ActiveTargetName(), supported.front());
  }
}

// The name that the code itself was compiled under, asked through the dispatch that kernels go
// through.
TEST(TargetTest, TheKernelsAreThoseOfTheTarget) {
  SelectTarget().IgnoreError();
  const std::map<std::string, std::string> highway_names = {{"scalar", "SCALAR"},
                                                            {"sse4", "SSE4"},
                                                            {"avx2", "AVX2"},
                                                            {"avx512", "AVX3"},
                                                            {"neon", "NEON"}};
  EXPECT_EQ(ActiveForwardKernels().compiled_for(), highway_names.at(ActiveTargetName()));
}

TEST(TargetTest, KernelsRefuseAnUnknownTarget) {
  TreeView empty{{}, {}};
  const int32_t offsets[] = {0};
  empty.cu_seqlens = offsets;
  const auto plan = StructurePlan::Build(empty);
  ASSERT_TRUE(plan.ok());
  ThreadPool pool(1);
  AttentionParams params;
  params.num_heads = params.head_size = 1;
  EXPECT_EQ(BlockSparseAttentionForward(params, **plan, pool), SelectTarget());
}

}  // namespace
}  // namespace strata::kernels
