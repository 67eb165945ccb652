// Uses the engine in process, and names a model folder that is not there.
#include <cstdio>

#include "strata/embedded.h"
#include "strata/eval.h"
#include "strata/local.h"
#include "strata/train.h"
#include "strata/verify.h"

int main() {
  const auto structure = strata::InspectDocument(strata::DocumentInput::FromBytes(
      "# Motion\n\nA force moves a body. It takes time.\n", strata::DocumentFormat::kMarkdown));
  if (!structure.ok()) {
    std::printf("%s\n", structure.status().ToString().c_str());
    return 1;
  }
  for (const strata::DocumentNode& node : structure->nodes) {
    std::printf("%s ", strata::NodeKindName(node.kind));
  }
  strata::EmbeddedOptions options;
  options.models = {{"none", "/no/such/folder"}};
  const auto client = strata::MakeEmbeddedClient(options);
  std::printf("\n%s\n", client.status().ToString().c_str());
  if (client.ok() || strata::VerifyCase("/no/such/case").pass) return 1;
  // Both libraries in one program.
  return strata::Client::Connect("127.0.0.1:9").ok() ? 0 : 1;
}
