// Documents of every format. The first byte chooses it, kAuto among them.
#include <string>
#include <string_view>
#include <vector>

#include "models/document/document_reader.h"
#include "models/document/document_test_checks.h"
#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {
namespace {

using models::DocumentFormat;

constexpr DocumentFormat kFormats[] = {DocumentFormat::kAuto,     DocumentFormat::kPlainText,
                                       DocumentFormat::kMarkdown, DocumentFormat::kHtml,
                                       DocumentFormat::kJats,     DocumentFormat::kJson};

}  // namespace

std::vector<std::string> Seeds() {
  return {
      WithChoice(0, "TITLE\n\n1. First\n\nA sentence. Another one, e.g. this.\n"),
      WithChoice(1, "\xEF\xBB\xBFTHE TITLE\r\n\r\nChapter IV\n\n- a\n- b\n\nEnd of it\u3002\n"),
      WithChoice(2,
                 "---\na: b\n---\n# T *x* &amp; y\n\n[l](u) `c`\n\n- a\n  1. b\n> q\n\n| a | b |\n"
                 "|---|---|\n| c | d |\n\n```x\ncode\n```\n<div>h</div>\n\nS\n===\n"),
      WithChoice(3,
                 "<!doctype html><title>T</title><h1>A <i>b</i></h1><p>c &lt; d<ul><li>e</ul>"
                 "<table><tr><td>f</table><h2>G</h2><pre>\nk</pre><script>'<p>'</script>"),
      WithChoice(4,
                 "<?xml version=\"1.0\"?><article><front><article-meta><title-group>"
                 "<article-title>T</article-title></title-group><abstract><p>A.</p></abstract>"
                 "</article-meta></front><body><sec><title>S</title><p>c &#945;</p></sec></body>"
                 "</article>"),
      WithChoice(5,
                 "{\"title\":\"T\",\"sections\":[{\"heading\":\"A \\u00e9\",\"level\":1,"
                 "\"paragraphs\":[\"B. C\",[\"e\"]]},{\"text\":\"F\"}]}"),
  };
}

void Run(std::string_view input) {
  const DocumentFormat format = kFormats[TakeChoice(input, std::size(kFormats))];
  const auto tree = models::ReadDocument(input, format, {.max_depth = 6, .max_nodes = 100'000});
  if (tree.ok()) Require(models::BrokenLaw(*tree, input));
}

}  // namespace strata::fuzz
