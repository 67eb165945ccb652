#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "clients/cli/command.h"
#include "clients/cli/document_argument.h"
#include "clients/cli/flag_checks.h"
#include "clients/cli/json_output.h"
#include "clients/cli/model_choice.h"
#include "strata/local.h"

namespace strata::cli {
namespace {

struct TokenizeArguments {
  std::vector<std::string> files;
  std::string model;
  bool json = false;
};

Json ToJson(const std::string& file, const TokenizeResult& result) {
  std::vector<std::int32_t> ids;
  Json offsets = Json::array();
  std::vector<std::string> pieces;
  for (const Token& token : result.tokens) {
    ids.push_back(token.id);
    offsets.push_back(cli::ToJson(token.bytes));
    pieces.push_back(token.piece);
  }
  return {{"id", file},
          {"tokenizer", result.tokenizer},
          {"vocab_size", result.vocab_size},
          {"ids", std::move(ids)},
          {"offsets", std::move(offsets)},
          {"pieces", std::move(pieces)}};
}

int Tokenize(const TokenizeArguments& arguments) {
  std::string model = arguments.model;
  if (model.empty()) {
    auto folder = DefaultModelFolder();
    if (!folder.ok()) return Fail("tokenize", folder.status(), arguments.json);
    model = *std::move(folder);
    if (!arguments.json) TellDefaultModel("tokenizer", model, "--model");
  }
  const auto tokenizer = Tokenizer::Load(model);
  if (!tokenizer.ok()) return Fail("tokenize", tokenizer.status(), arguments.json);
  int exit_code = kExitOk;
  for (const std::string& file : arguments.files) {
    const auto text = OpenArgument(file, DocumentFormat::kPlainText).ReadAll();
    if (!text.ok()) {
      exit_code = FailFor("tokenize", file, text.status(), arguments.json);
      continue;
    }
    const auto result = tokenizer->Tokenize(*text);
    if (!result.ok()) {
      exit_code = FailFor("tokenize", file, result.status(), arguments.json);
      continue;
    }
    PrintLine(ToJson(file, *result));
  }
  return exit_code;
}

}  // namespace

void AddTokenizeCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<TokenizeArguments>();
  CLI::App& command = *app.add_subcommand(
      "tokenize", "Token ids of a text with their bytes, as JSON, without special tokens");
  command
      .add_option("FILE", arguments->files,
                  "Texts, taken byte for byte as they are; - is the standard input")
      ->required();
  command
      .add_option("--model", arguments->model,
                  "tokenizer.json, vocab.txt, a SentencePiece .model, or a folder with one")
      ->check(NotEmpty())
      ->type_name("PATH");
  command.add_flag("--json", arguments->json, "Errors as JSON, too (the tokens always are)");
  command.footer(
      "Example:\n"
      "  strata tokenize --model models/my-classifier notes.txt\n"
      "  {\"id\":\"notes.txt\",..,\"ids\":[..],\"offsets\":[[0,5],..],\"pieces\":[..]}");
  command.callback(
      [arguments, &invocation] { invocation.run = [arguments] { return Tokenize(*arguments); }; });
}

}  // namespace strata::cli
