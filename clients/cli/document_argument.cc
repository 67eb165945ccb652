#include "clients/cli/document_argument.h"

#include <iostream>
#include <memory>

#include "clients/cli/flag_checks.h"
#include "strata/local.h"

namespace strata::cli {

void FormatChoice::AddFlag(CLI::App& command) {
  command.add_option("--format", name_, "Form of the documents (default: by name and content)")
      ->check(CLI::IsMember({"auto", "text", "markdown", "html", "jats", "json"}))
      ->type_name("NAME");
}

void AddLengthFlags(CLI::App& command, std::int64_t& max_tokens, bool& truncate) {
  CLI::Option* const limit =
      command.add_option("--max-tokens", max_tokens, "Refuse a longer document")
          ->check(WholeNumber(1))
          ->type_name("N");
  command.add_flag("--truncate", truncate, "Read the head of a longer one instead")->needs(limit);
}

absl::StatusOr<DocumentFormat> FormatChoice::Get() const { return ParseDocumentFormat(name_); }

DocumentInput OpenArgument(const std::string& argument, DocumentFormat format) {
  if (argument != "-") return DocumentInput::FromFile(argument, format);
  // The standard input lives as long as the program: nothing is to be deleted.
  return DocumentInput::FromStream(std::shared_ptr<std::istream>(&std::cin, [](std::istream*) {}),
                                   format)
      .set_id("-");
}

}  // namespace strata::cli
