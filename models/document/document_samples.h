// A small document of every format that makes its reader use most of its rules: what the tests
// mutate.
#ifndef STRATA_MODELS_DOCUMENT_DOCUMENT_SAMPLES_H_
#define STRATA_MODELS_DOCUMENT_DOCUMENT_SAMPLES_H_

#include <string_view>

#include "models/document/document_reader.h"

namespace strata::models {

struct DocumentSample {
  DocumentFormat format;
  std::string_view text;
};

inline constexpr DocumentSample kDocumentSamples[] = {
    {DocumentFormat::kPlainText,
     "\xEF\xBB\xBFTHE TITLE\r\n\r\nIntro line one\nline two. Then, e.g. this.\n\n1. Start\n\nWords "
     "here.\n\n1.1 More \u4F60\u597D\n----\n- a\n- b\n\nChapter IV\n\n\u00A0 x\n\n\u3002\u3002"},
    {DocumentFormat::kMarkdown,
     "---\na: b\n---\n# T *x* &amp; y\n\nText [l](u \"t\") `c` ![i](j)\nnext.  \nbr &copy; \\*\n\n"
     "- a\n  1. b\n> q\n> > r\n\n| a | b |\n|---|---|\n| `c` | d |\n\n```x\ncode\n```\n\n"
     "<div>raw <b>h</b></div>\n\nS\n===\n[r]: u\n\u00E9\u4F60"},
    {DocumentFormat::kHtml,
     "<!doctype html><title>T &amp; t</title><h1 class='a'>A <i>b</i></h1><p>c &lt; &#8212; d<br>"
     "<br>e<ul><li>f<li>g</ul><table>x<tr><td>h<td>i</table><h2>J</h2><pre>\nk\r\n l</pre>"
     "<script>'<p>'</script><svg><p>m</svg><b><p>n</b>o<!-- p --> \u00E9\u4F60 &notit; &"},
    {DocumentFormat::kJats,
     "<?xml version=\"1.0\"?><!DOCTYPE article SYSTEM \"x\" [<!ENTITY e \"own text\">]><article>"
     "<front><article-meta><title-group><article-title>T <sub>s</sub></article-title></title-group>"
     "<abstract><p>A. B &e; &alpha; &#945;</p></abstract></article-meta></front><body><sec><title>S"
     "</title><p>c<xref>1</xref> \u4F60</p><list><list-item><p>d</p></list-item></list><sec><p>e"
     "<![CDATA[ <f> ]]></p></sec></sec></body><back><ref-list/></back></article>"},
    {DocumentFormat::kJson,
     "{\"sections\":[{\"heading\":\"A \\u00e9\",\"level\":1,\"paragraphs\":[\"B. C \\n d.\",[\"e "
     "\","
     "\"\",\"\\ud83d\\ude00\"]]},{\"level\":2,\"heading\":\"\",\"sections\":[{\"text\":\"F G\\n\\n"
     "h.\",\"x\":[1,{\"y\":null}]}]}],\"title\":\"T\\\"\u4F60\"}"},
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_DOCUMENT_SAMPLES_H_
