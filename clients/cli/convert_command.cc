#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_join.h"
#include "clients/cli/command.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/json_output.h"
#include "clients/cli/terminal.h"
#include "strata/checkpoint.h"

namespace strata::cli {
namespace {

struct ConvertArguments {
  ConvertOptions options;
  bool json = false;
};

Json ToJson(const std::string& folder, const ConvertReport& report) {
  Json json = {{"folder", folder},
               {"status", "OK"},
               {"format", report.format},
               {"num_tensors", report.num_tensors},
               {"num_parameters", report.num_parameters},
               {"weight_bytes", report.weight_bytes},
               {"left_out", report.left_out},
               {"copied_files", report.copied_files}};
  if (!report.unchecked_because.empty()) json["unchecked_because"] = report.unchecked_because;
  return json;
}

int Convert(const ConvertArguments& arguments) {
  const auto report = ConvertModel(arguments.options);
  const std::string& folder = arguments.options.output_folder;
  if (!report.ok()) return FailFor("convert", folder, report.status(), arguments.json);
  if (arguments.json) {
    PrintLine(ToJson(folder, *report));
    return kExitOk;
  }
  std::printf("%s: %s, %s, %s from a %s checkpoint\n", Printable(folder).c_str(),
              Counted(report->num_tensors, "tensor").c_str(),
              Counted(report->num_parameters, "parameter").c_str(),
              FormatBytes(report->weight_bytes).c_str(), report->format.c_str());
  if (!report->copied_files.empty()) {
    std::printf("  copied    %s\n", absl::StrJoin(report->copied_files, ", ").c_str());
  }
  if (!report->left_out.empty()) {
    std::printf("  left out  %s of the optimizer\n",
                Counted(static_cast<std::int64_t>(report->left_out.size()), "variable").c_str());
  }
  if (!report->unchecked_because.empty()) {
    std::fprintf(stderr, "strata convert: not tried out: %s\n",
                 Printable(report->unchecked_because).c_str());
  }
  return kExitOk;
}

}  // namespace

void AddConvertCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<ConvertArguments>();
  ConvertOptions& options = arguments->options;
  CLI::App& command = *app.add_subcommand(
      "convert", "Makes a model folder with safetensors from a checkpoint of another form");
  command
      .add_option("IN", options.input,
                  "A folder or file: safetensors, PyTorch (.bin, .pt), TensorFlow V2 (.index)")
      ->required();
  command.add_option("OUT", options.output_folder, "The model folder to make")
      ->required()
      ->check(NotEmpty());
  command
      .add_option("--dtype", options.type,
                  "fp32 or bf16 for all float weights (default: as they are)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, WeightType>{
          {"fp32", WeightType::kFloat32}, {"bf16", WeightType::kBFloat16}}));
  command.add_option("--config", options.config_path,
                     "config.json, or SMITH's settings .pbtxt (default: beside the weights)");
  command.add_option("--tokenizer", options.tokenizer_path,
                     "Tokenizer file, or a folder with its files (default: beside the weights)");
  command.add_flag("!--no-check", options.check, "Do not load the result to try it out");
  command.add_flag("--json", arguments->json, "One line of JSON");
  command.footer(
      "Nothing in a checkpoint is executed. A damaged file, NaN, or a weight that does\n"
      "not fit the configuration is refused with its key.\n"
      "Examples:\n"
      "  strata convert downloads/hdt-e hdt-e --dtype bf16\n"
      "  strata convert smith_wsp/model.ckpt-400000 smith \\\n"
      "      --config smith_wsp.32.48.pbtxt --tokenizer bert_uncased/vocab.txt");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Convert(*arguments); }; });
}

}  // namespace strata::cli
