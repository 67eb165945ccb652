// What the streaming methods do not have in common: their messages, and how an answer fills them.
#ifndef STRATA_SERVICES_GRPC_STREAM_TRAITS_H_
#define STRATA_SERVICES_GRPC_STREAM_TRAITS_H_

#include <cstddef>
#include <vector>

#include "services/grpc/convert.h"
#include "services/runtime/runtime.h"
#include "strata/v1/strata_service.pb.h"

namespace strata::service {

// A long list of vectors is sent in messages of about this size, or of less than the message limit.
inline constexpr size_t kPartBytes = size_t{1} << 20;

struct ClassifyTraits {
  using Request = v1::ClassifyStreamRequest;
  using Response = v1::ClassifyStreamResponse;
  // Fills one message from events that come before the answer.
  static void FillPart(const std::vector<models::HeardEvent>& events, Response& message) {
    ToProto(events, message.mutable_result());
    message.set_more(true);
  }
  // Fills one message of about `part_bytes` from the answer; `position` says how far. True: it was
  // the last.
  static bool Fill(const runtime::Response& answer, size_t /*part_bytes*/, size_t& /*position*/,
                   Response& message) {
    ToProto(answer, message.mutable_result());
    return true;
  }
};

struct EmbedTraits {
  using Request = v1::EmbedStreamRequest;
  using Response = v1::EmbedStreamResponse;
  static void FillPart(const std::vector<models::HeardEvent>&, Response&) {}  // never asked for
  static bool Fill(const runtime::Response& answer, size_t part_bytes, size_t& position,
                   Response& message) {
    position = AppendEmbeddings(answer, position, part_bytes, message.mutable_result());
    const bool last = position == answer.result.embeddings.size();
    message.set_more(!last);
    return last;
  }
};

}  // namespace strata::service

#endif  // STRATA_SERVICES_GRPC_STREAM_TRAITS_H_
