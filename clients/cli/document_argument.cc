#include "clients/cli/document_argument.h"

#include <iostream>
#include <memory>

#include "strata/local.h"

namespace strata::cli {

void FormatChoice::AddFlag(CLI::App& command) {
  command.add_option("--format", name_, "Form of the documents (default: by name and content)")
      ->check(CLI::IsMember({"auto", "text", "markdown", "html", "jats", "json"}))
      ->type_name("NAME");
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
