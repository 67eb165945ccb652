// One JSON object. Its structure is given: title, then sections, or sentences, or text. The form is
// described in docs/json_lines.md.
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/document/format_readers.h"
#include "models/document/json_text.h"

namespace strata::models {
namespace {

constexpr size_t kAbsent = std::string_view::npos;

// Where the fields of a document or a section stand.
struct Fields {
  size_t title = kAbsent;  // "title"; in a section "heading", or else "title"
  size_t level = kAbsent;
  size_t paragraphs = kAbsent;
  size_t sections = kAbsent;
  size_t sentences = kAbsent;
  size_t text = kAbsent;

  std::vector<std::string> others;  // names of the fields that say nothing

  bool HasBody() const {
    return paragraphs != kAbsent || sections != kAbsent || sentences != kAbsent || text != kAbsent;
  }
};

class JsonReader {
 public:
  JsonReader(std::string_view text, DocumentBuilder& builder) : json_(text), builder_(builder) {}

  absl::Status Read() {
    const size_t document = json_.ValueAt(0);
    if (json_.TypeAt(document) != '{') {
      return absl::InvalidArgumentError(absl::StrCat(
          "JSON: expected an object with title and sections, found ", TypeName(document)));
    }
    const Fields fields = FieldsOf(document, "title");
    if (!fields.HasBody() && fields.title == kAbsent) {
      return absl::InvalidArgumentError(
          absl::StrCat("JSON: the object has none of the fields title, sections, paragraphs, "
                       "sentences, text",
                       Named(fields.others)));
    }
    AddHeading(fields.title, "title");
    AddBody(fields);
    if (fields.sections != kAbsent) PushSections(fields.sections);
    while (!arrays_.empty() && Done().ok()) AddNextSection();
    return Done();
  }

 private:
  // A "sections" array that is being read.
  struct SectionArray {
    size_t next;    // where to look for the next element
    int64_t index;  // of that element
  };

  absl::Status Done() const { return status_.ok() ? builder_.status() : status_; }

  static std::string Named(const std::vector<std::string>& others) {
    return others.empty() ? "" : absl::StrCat("; it has ", absl::StrJoin(others, ", "));
  }

  Fields FieldsOf(size_t object, std::string_view title_key) const {
    constexpr size_t kMostNamed = 5;
    Fields fields;
    size_t title = kAbsent;
    json_.ForEach(object, [&](std::string_view key, size_t value) {
      if (json_.TypeAt(value) == 'n') return true;  // null is as good as absent
      if (key == title_key) {
        fields.title = value;
      } else if (key == "title") {
        title = value;
      } else if (key == "level") {
        fields.level = value;
      } else if (key == "paragraphs") {
        fields.paragraphs = value;
      } else if (key == "sections") {
        fields.sections = value;
      } else if (key == "sentences") {
        fields.sentences = value;
      } else if (key == "text") {
        fields.text = value;
      } else if (fields.others.size() < kMostNamed) {
        fields.others.push_back(Excerpt(key));
      }
      return true;
    });
    if (fields.title == kAbsent) fields.title = title;
    return fields;
  }

  void PushSections(size_t array) {
    if (!Expect(array, '[', "sections", "a list of sections")) return;
    arrays_.push_back({array + 1, 0});
  }

  void AddNextSection() {
    SectionArray& array = arrays_.back();
    const size_t section = json_.NextElement(array.next);
    if (section == kAbsent) {
      arrays_.pop_back();
      builder_.Leave();
      if (!arrays_.empty()) ++arrays_.back().index;
      return;
    }
    array.next = json_.EndOf(section);
    if (!Expect(section, '{', "", "a section: {\"heading\": …, \"paragraphs\": […]}")) return;
    const Fields fields = FieldsOf(section, "heading");
    if (!fields.HasBody() && fields.title == kAbsent && !fields.others.empty()) {
      Fail("",
           absl::StrCat("the section has none of the fields heading, paragraphs, sentences, text, "
                        "sections",
                        Named(fields.others)));
      return;
    }
    builder_.OpenSection(LevelOf(fields.level),
                         builder_.PlaceOf(json_.text().substr(section, array.next - section)));
    AddHeading(fields.title, "heading");
    AddBody(fields);
    if (fields.sections != kAbsent) {
      builder_.EnterScope();
      PushSections(fields.sections);
    } else {
      ++array.index;
    }
  }

  int32_t LevelOf(size_t value) {
    if (value == kAbsent) return 1;
    const char* begin = json_.text().data() + value;
    const char* end = json_.text().data() + json_.EndOf(value);
    int32_t level = 0;
    const auto [stop, error] = std::from_chars(begin, end, level);
    if (error != std::errc() || stop != end || level < 1) {
      Fail("level", absl::StrCat("expected a whole number of 1 (outermost) or more, found ",
                                 std::string(begin, std::min<size_t>(end - begin, 32))));
      return 1;
    }
    return level;
  }

  void AddHeading(size_t value, const std::string& field) {
    if (value == kAbsent || !Expect(value, '"', field, "a string")) return;
    builder_.BeginHeading();
    AddString(value);
    builder_.EndBlock();
  }

  void AddBody(const Fields& fields) {
    if (!Done().ok()) return;
    if (fields.paragraphs != kAbsent) {
      AddParagraphs(fields.paragraphs);
    } else if (fields.sections == kAbsent && fields.sentences != kAbsent) {
      AddSentences(fields.sentences, "sentences");
    } else if (fields.sections == kAbsent && fields.text != kAbsent) {
      if (Expect(fields.text, '"', "text", "a string")) AddPlainText(fields.text);
    }
  }

  void AddParagraphs(size_t value) {
    if (json_.TypeAt(value) == '"') {
      AddParagraph(value);
      return;
    }
    if (!Expect(value, '[', "paragraphs", "a list of paragraphs")) return;
    int64_t index = 0;
    json_.ForEach(value, [&](std::string_view, size_t paragraph) {
      if (json_.TypeAt(paragraph) == '"') {
        AddParagraph(paragraph);
      } else {
        const std::string field = absl::StrCat("paragraphs[", index, "]");
        if (json_.TypeAt(paragraph) == '[') {
          AddSentences(paragraph, field);
        } else {
          Expect(paragraph, '"', field, "a string or a list of sentences");
        }
      }
      ++index;
      return Done().ok();
    });
  }

  void AddParagraph(size_t value) {
    builder_.BeginParagraph();
    AddString(value);
    builder_.EndBlock();
  }

  void AddSentences(size_t value, const std::string& field) {
    if (!Expect(value, '[', field, "a list of strings")) return;
    builder_.BeginSentenceList();
    int64_t index = 0;
    json_.ForEach(value, [&](std::string_view, size_t sentence) {
      if (!Expect(sentence, '"', absl::StrCat(field, "[", index, "]"), "a string")) return false;
      builder_.BeginSentence(builder_.PlaceOf(json_.text().substr(sentence + 1, 0)).begin);
      AddString(sentence);
      builder_.EndBlock();
      ++index;
      return Done().ok();
    });
    builder_.EndSentenceList();
  }

  void AddString(size_t value) {
    json_.ForEachPiece(value, [this](std::string_view piece, std::string_view escape) {
      if (escape.empty()) {
        builder_.AddText(piece);
      } else {
        builder_.AddText(piece, builder_.PlaceOf(escape));
      }
    });
  }

  // A whole text in one string is read by its layout, as a text file is.
  void AddPlainText(size_t value) {
    std::string decoded;
    SourceMap map;
    json_.ForEachPiece(value, [&](std::string_view piece, std::string_view escape) {
      decoded.append(piece);
      map.Append(static_cast<int64_t>(piece.size()),
                 builder_.PlaceOf(escape.empty() ? piece : escape));
    });
    builder_.EnterScope();
    builder_.SetOverlay(decoded, &map);
    absl::Status status = ReadPlainText(decoded, builder_);
    builder_.EndBlock();
    builder_.SetOverlay({}, nullptr);
    builder_.Leave();
    if (status_.ok()) status_ = std::move(status);
  }

  bool Expect(size_t value, char type, const std::string& field, const std::string& what) {
    if (!status_.ok()) return false;
    if (json_.TypeAt(value) == type) return true;
    Fail(field, absl::StrCat("expected ", what, ", found ", TypeName(value)));
    return false;
  }

  void Fail(const std::string& field, const std::string& message) {
    if (!status_.ok()) return;
    std::string path;
    constexpr size_t kMostShown = 8;
    for (size_t i = 0; i < std::min(arrays_.size(), kMostShown); ++i) {
      absl::StrAppend(&path, path.empty() ? "" : ".", "sections[", arrays_[i].index, "]");
    }
    if (arrays_.size() > kMostShown) absl::StrAppend(&path, ".…");
    if (!field.empty()) absl::StrAppend(&path, path.empty() ? "" : ".", field);
    status_ = absl::InvalidArgumentError(absl::StrCat("JSON: ", path, ": ", message));
  }

  std::string TypeName(size_t value) const {
    switch (json_.TypeAt(value)) {
      case '{':
        return "an object";
      case '[':
        return "a list";
      case '"':
        return "a string";
      case 't':
      case 'f':
        return "true or false";
      case 'n':
        return "null";
      default:
        return "a number";
    }
  }

  JsonText json_;
  DocumentBuilder& builder_;
  std::vector<SectionArray> arrays_;
  absl::Status status_;
};

}  // namespace

absl::Status ReadJson(std::string_view text, DocumentBuilder& builder) {
  if (absl::Status status = JsonText::Check(text); !status.ok()) return status;
  return JsonReader(text, builder).Read();
}

}  // namespace strata::models
