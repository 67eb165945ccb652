#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/command.h"
#include "clients/cli/json_output.h"
#include "strata/verify.h"

namespace strata::cli {
namespace {

struct VerifyArguments {
  std::vector<std::string> folders;
  bool outputs = false;
  bool json = false;
};

// JSON has no infinity.
Json Number(double value) { return std::isfinite(value) ? Json(value) : Json("infinity"); }

Json ToJson(const VerifyResult& result, bool outputs) {
  Json json = {{"case", result.case_name},
               {"outputs_compared", result.outputs.size()},
               {"max_abs_error", Number(result.max_abs_error)},
               {"tolerance", result.tolerance},
               {"pass", result.pass}};
  if (!result.status.ok()) {
    json["status"] = absl::StatusCodeToString(result.status.code());
    json["message"] = std::string(result.status.message());
  }
  Json failed = Json::array();
  for (const VerifyOutput& output : result.outputs) {
    if (output.pass && !outputs) continue;
    failed.push_back({{"name", output.name},
                      {"max_abs_error", Number(output.max_abs_error)},
                      {"tolerance", output.tolerance},
                      {"pass", output.pass}});
  }
  if (!failed.empty()) json[outputs ? "outputs" : "failed_outputs"] = std::move(failed);
  return json;
}

int Verify(const VerifyArguments& arguments) {
  int num_failed = 0;
  for (const std::string& folder : arguments.folders) {
    const VerifyResult result = VerifyCase(folder);
    PrintLine(ToJson(result, arguments.outputs));
    if (!result.pass) ++num_failed;
  }
  if (num_failed == 0) return kExitOk;
  return Fail("verify", absl::InternalError(absl::StrCat(
                            num_failed, " of ", arguments.folders.size(), " cases failed")));
}

}  // namespace

void AddVerifyCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App& command = *app.add_subcommand(
      "verify",
      "Runs cases with known outputs through the engine and compares, one JSON line each");
  command
      .add_option("FOLDER", arguments->folders,
                  "Cases: case.json, config.json and model, input and output.safetensors")
      ->required();
  command.add_flag("--outputs", arguments->outputs, "Also list every output that was compared");
  command.add_flag("--json", arguments->json, "The output is JSON with or without it");
  command.footer(
      "Example:\n"
      "  strata verify cases/*\n"
      "  {\"case\":\"tiny\",\"outputs_compared\":3,\"max_abs_error\":2.4e-06,..,\"pass\":true}");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Verify(*arguments); }; });
}

}  // namespace strata::cli
