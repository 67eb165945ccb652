// Sends one document through a stream of headers and chunks.
#ifndef STRATA_SDK_REMOTE_UPLOAD_H_
#define STRATA_SDK_REMOTE_UPLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "sdk/remote/bidi_stream.h"
#include "sdk/remote/convert.h"
#include "strata/document.h"

namespace strata::internal {

// What a header says of `document`; `id` tags it in this stream.
template <typename Header>
void FillDocumentHeader(const DocumentInput& document, const std::string& id, Header& header) {
  header.mutable_document()->set_id(id);
  header.mutable_document()->set_format(ToProto(document.format()));
  header.mutable_document()->set_file_name(ToUtf8Tail(document.file_name(), 128));
  header.mutable_document()->set_declared_size_bytes(document.size_bytes().value_or(0));
}

// Sends `header` (a request whose part is a header with `id`) and the document's bytes. Stops
// early, with OK, when the stream is over or `stop` says so. An error is one of reading the
// document; the other side was then told to forget it.
template <typename Request, typename Response>
absl::Status UploadDocument(const DocumentInput& document, const std::string& id,
                            const Request& header, std::size_t chunk_bytes,
                            absl::FunctionRef<bool()> stop, BidiStream<Request, Response>& stream) {
  auto reader = document.Open();
  if (!reader.ok()) return reader.status();
  // One chunk ahead, because the last one is marked.
  std::string next;
  if (absl::Status status = (*reader)->Next(chunk_bytes, next); !status.ok()) return status;
  if (!stream.Write(header)) return absl::OkStatus();
  bool last = false;
  while (!last && !stop()) {
    Request request;
    auto& chunk = *request.mutable_chunk();
    chunk.set_id(id);
    chunk.set_data(std::move(next));
    next.clear();
    if (!chunk.data().empty()) {
      if (absl::Status status = (*reader)->Next(chunk_bytes, next); !status.ok()) {
        request.mutable_cancel()->set_id(id);
        stream.Write(request);
        return status;
      }
    }
    last = next.empty();
    chunk.set_last(last);
    if (!stream.Write(request)) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace strata::internal

#endif  // STRATA_SDK_REMOTE_UPLOAD_H_
