// A ModelInferRequest as it comes from the wire: its tensors' rules and what is made of them.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/grpc_service.pb.h"
#include "services/grpc/kserve_request.h"
#include "services/grpc/kserve_tensor.h"
#include "services/runtime/runtime.h"
#include "services/runtime/testing/null_engine.h"
#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {
namespace {

runtime::Runtime& TheRuntime() {
  static runtime::Runtime& made = *[] {
    runtime::RuntimeOptions options;
    options.prepare_threads = 1;
    auto runtime = runtime::Runtime::CreateWithEngines(
        options, {{"null", runtime::testing::MakeNullEngine()}});
    Require(runtime.ok(), "the runtime starts");
    return runtime->release();
  }();
  return made;
}

inference::ModelInferRequest Request(bool raw) {
  inference::ModelInferRequest request;
  request.set_model_name("null");
  request.set_id("a");
  auto* input = request.add_inputs();
  input->set_name("document");
  input->set_datatype("BYTES");
  input->add_shape(2);
  if (raw) {
    std::string contents;
    for (const std::string document : {"One sentence.", "Two. Three."}) {
      const auto size = static_cast<uint32_t>(document.size());
      contents.append(reinterpret_cast<const char*>(&size), 4).append(document);
    }
    request.add_raw_input_contents(contents);
  } else {
    input->mutable_contents()->add_bytes_contents("One sentence.");
    input->mutable_contents()->add_bytes_contents("Two. Three.");
  }
  request.add_outputs()->set_name("label");
  (*request.mutable_parameters())["top_k"].set_int64_param(2);
  return request;
}

}  // namespace

std::vector<std::string> Seeds() {
  return {Request(true).SerializeAsString(), Request(false).SerializeAsString()};
}

void Run(std::string_view input) {
  inference::ModelInferRequest request;
  if (!request.ParseFromArray(input.data(), static_cast<int>(input.size()))) return;
  const auto plan = service::MakeInferPlan(TheRuntime(), request, {});
  if (!plan.ok()) return;
  Require(!plan->documents.empty() || request.inputs_size() > 0, "a plan has documents");
  size_t num_bytes = 0;
  for (const std::string_view document : plan->documents) num_bytes += document.size();
  Require(num_bytes <= input.size(), "documents lie in their message");
}

}  // namespace strata::fuzz
