// What the service adds to gRPC itself: classify calls of a model without weights beside bare
// echoes of the same bytes, in one run. Server and client are two processes on the loopback.
//
//   service_bench [SECONDS_PER_CASE]
//
// One JSON line a case, and one that compares: added_us_p50 (unary, one in flight), share_of_floor
// (messages or bytes a second). Compare only numbers of one run.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "services/runtime/testing/null_engine.h"
#include "strata/v1/strata_service.grpc.pb.h"

namespace strata::service {
namespace {

using Clock = std::chrono::steady_clock;

// Answers any method, unary or stream, with the bytes that came.
class EchoService final : public grpc::CallbackGenericService {
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor() { StartRead(&message_); }
    void OnReadDone(bool ok) override {
      if (ok) {
        StartWrite(&message_);
      } else {
        Finish(grpc::Status::OK);
      }
    }
    void OnWriteDone(bool ok) override {
      if (ok) {
        StartRead(&message_);
      } else {
        Finish(grpc::Status::OK);
      }
    }
    void OnDone() override { delete this; }

   private:
    grpc::ByteBuffer message_;
  };
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Reactor;
  }
};

// Serves until it is killed; writes the ports of service and echo to `pipe`.
[[noreturn]] void ServeForever(int pipe) {
  runtime::RuntimeOptions runtime_options;
  auto runtime = runtime::Runtime::CreateWithEngines(
      runtime_options, {{"null", runtime::testing::MakeNullEngine()}});
  ServerOptions options;
  options.listen_address = "127.0.0.1:0";
  auto server = Server::Start(options, runtime->get());
  EchoService echo;
  grpc::ServerBuilder builder;
  int ports[2] = {std::atoi((*server)->address().substr(10).c_str()), 0};
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &ports[1]);
  builder.RegisterCallbackGenericService(&echo);
  const auto echo_server = builder.BuildAndStart();
  if (::write(pipe, ports, sizeof ports) != static_cast<ssize_t>(sizeof ports)) std::abort();
  while (true) ::pause();
}

struct Outcome {
  double per_second = 0;
  double p50_us = 0, p99_us = 0;
};

class Recorder {
 public:
  void Add(Clock::duration time) {
    std::lock_guard<std::mutex> lock(mu_);
    us_.push_back(std::chrono::duration<double, std::micro>(time).count());
  }
  Outcome Result(double seconds) {
    std::lock_guard<std::mutex> lock(mu_);
    if (us_.empty()) return {};
    std::sort(us_.begin(), us_.end());
    const auto at = [&](double share) {
      return us_[static_cast<size_t>(share * static_cast<double>(us_.size() - 1))];
    };
    return {static_cast<double>(us_.size()) / seconds, at(0.5), at(0.99)};
  }

 private:
  std::mutex mu_;
  std::vector<double> us_;
};

// Keeps `depth` calls in flight for a while. start(done) begins one and runs done when it has
// ended.
Outcome KeepInFlight(int depth, double seconds,
                     const std::function<void(std::function<void()> done)>& start) {
  Recorder recorder;
  std::mutex mu;
  std::condition_variable changed;
  int live = depth;
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end =
      begin + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
  std::function<void()> go = [&] {
    const Clock::time_point sent = Clock::now();
    start([&, sent] {
      const Clock::time_point now = Clock::now();
      recorder.Add(now - sent);
      if (now < end) {
        go();
      } else {
        std::lock_guard<std::mutex> lock(mu);
        if (--live == 0) changed.notify_all();
      }
    });
  };
  for (int i = 0; i < depth; ++i) go();
  std::unique_lock<std::mutex> lock(mu);
  changed.wait(lock, [&] { return live == 0; });
  return recorder.Result(std::chrono::duration<double>(Clock::now() - begin).count());
}

grpc::ByteBuffer ToBytes(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

Outcome UnaryEcho(const std::shared_ptr<grpc::Channel>& channel, const grpc::ByteBuffer& request,
                  int depth, double seconds) {
  grpc::GenericStub stub(channel);
  struct Call {
    grpc::ClientContext context;
    grpc::ByteBuffer response;
  };
  return KeepInFlight(depth, seconds, [&](std::function<void()> done) {
    auto* const call = new Call;
    stub.UnaryCall(&call->context, "/echo/Unary", grpc::StubOptions(), &request, &call->response,
                   [call, done = std::move(done)](const grpc::Status&) {
                     delete call;
                     done();
                   });
  });
}

Outcome UnaryClassify(const std::shared_ptr<grpc::Channel>& channel,
                      const v1::ClassifyRequest& request, int depth, double seconds) {
  const auto stub = v1::StrataService::NewStub(channel);
  struct Call {
    grpc::ClientContext context;
    v1::ClassifyResponse response;
  };
  return KeepInFlight(depth, seconds, [&](std::function<void()> done) {
    auto* const call = new Call;
    stub->async()->Classify(&call->context, &request, &call->response,
                            [call, done = std::move(done)](const grpc::Status& status) {
                              if (!status.ok()) {
                                std::fprintf(stderr, "%s\n", status.error_message().c_str());
                                std::abort();
                              }
                              delete call;
                              done();
                            });
  });
}

// One message after the other on a stream of its own.
class EchoClient final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  EchoClient(grpc::GenericStub& stub, const grpc::ByteBuffer& message, Clock::time_point end,
             Recorder& recorder)
      : message_(message), end_(end), recorder_(recorder) {
    stub.PrepareBidiStreamingCall(&context_, "/echo/Stream", grpc::StubOptions(), this);
    Next();
    StartCall();
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    recorder_.Add(Clock::now() - sent_);
    OneDone();
  }
  void OnWriteDone(bool ok) override {
    if (ok) OneDone();
  }
  void OnDone(const grpc::Status&) override {
    std::lock_guard<std::mutex> lock(mu_);
    done_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return done_; });
  }

 private:
  void Next() {
    sent_ = Clock::now();
    StartRead(&answer_);
    StartWrite(&message_);
  }
  // The answer can come before the write's own completion: on when both are there.
  void OneDone() {
    if (num_done_.fetch_add(1) % 2 == 0) return;
    if (Clock::now() < end_) {
      Next();
    } else {
      StartWritesDone();
      StartRead(&answer_);
    }
  }

  grpc::ClientContext context_;
  const grpc::ByteBuffer& message_;
  grpc::ByteBuffer answer_;
  const Clock::time_point end_;
  Recorder& recorder_;
  Clock::time_point sent_;
  std::atomic<int> num_done_{0};
  std::mutex mu_;
  std::condition_variable changed_;
  bool done_ = false;
};

Outcome StreamEcho(const std::shared_ptr<grpc::Channel>& channel, const std::string& document,
                   int num_streams, double seconds) {
  grpc::GenericStub stub(channel);
  const grpc::Slice slice(document);
  const grpc::ByteBuffer message(&slice, 1);
  Recorder recorder;
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end =
      begin + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
  std::vector<std::unique_ptr<EchoClient>> clients;
  for (int i = 0; i < num_streams; ++i) {
    clients.push_back(std::make_unique<EchoClient>(stub, message, end, recorder));
  }
  for (const auto& client : clients) client->Wait();
  return recorder.Result(std::chrono::duration<double>(Clock::now() - begin).count());
}

// Documents one behind the other on one stream, `window` of them unanswered.
Outcome StreamClassify(const std::shared_ptr<grpc::Channel>& channel, const std::string& document,
                       int window, double seconds) {
  const auto stub = v1::StrataService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->ClassifyStream(&context);
  std::mutex mu;
  std::condition_variable changed;
  std::vector<Clock::time_point> sent;
  size_t num_answered = 0;
  Recorder recorder;
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end =
      begin + std::chrono::microseconds(static_cast<int64_t>(seconds * 1e6));
  std::thread reader([&] {
    for (v1::ClassifyStreamResponse response; stream->Read(&response);) {
      std::lock_guard<std::mutex> lock(mu);
      recorder.Add(Clock::now() - sent[static_cast<size_t>(std::atol(response.id().c_str()))]);
      ++num_answered;
      changed.notify_all();
    }
  });
  v1::ClassifyStreamRequest header, chunk;
  header.mutable_header()->mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
  chunk.mutable_chunk()->set_data(document);
  chunk.mutable_chunk()->set_last(true);
  while (Clock::now() < end) {
    std::string id;
    {
      std::unique_lock<std::mutex> lock(mu);
      changed.wait(lock, [&] { return sent.size() - num_answered < static_cast<size_t>(window); });
      id = std::to_string(sent.size());
      sent.push_back(Clock::now());
    }
    header.mutable_header()->mutable_document()->set_id(id);
    chunk.mutable_chunk()->set_id(id);
    stream->Write(header, grpc::WriteOptions().set_buffer_hint());
    stream->Write(chunk);
  }
  stream->WritesDone();
  reader.join();
  return recorder.Result(std::chrono::duration<double>(Clock::now() - begin).count());
}

void Print(const char* name, size_t bytes, int depth, const Outcome& outcome) {
  std::printf(
      "{\"name\":\"%s\",\"bytes\":%zu,\"in_flight\":%d,\"per_second\":%.0f,\"p50_us\":%.1f,"
      "\"p99_us\":%.1f}\n",
      name, bytes, depth, outcome.per_second, outcome.p50_us, outcome.p99_us);
  std::fflush(stdout);
}

std::string Document(size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += "A sentence of seven words stands here. ";
  text.resize(bytes);
  return text;
}

int Main(double seconds) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return 1;
  const pid_t child = ::fork();  // before gRPC has threads
  if (child == 0) ServeForever(pipe_ends[1]);
  int ports[2];
  if (::read(pipe_ends[0], ports, sizeof ports) != static_cast<ssize_t>(sizeof ports)) return 1;
  const auto channel = [](int port) {
    return grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                               grpc::InsecureChannelCredentials());
  };
  const auto service = channel(ports[0]), echo = channel(ports[1]);

  v1::ClassifyRequest request;
  request.mutable_document()->set_content(Document(1024));
  request.mutable_document()->set_format(v1::DOCUMENT_FORMAT_PLAIN_TEXT);
  for (const int depth : {1, 8, 64}) {
    UnaryClassify(service, request, depth, 0.2);  // warms up
    UnaryEcho(echo, ToBytes(request), depth, 0.2);
    const Outcome ours = UnaryClassify(service, request, depth, seconds);
    const Outcome floor = UnaryEcho(echo, ToBytes(request), depth, seconds);
    Print("unary-echo", 1024, depth, floor);
    Print("unary-classify", 1024, depth, ours);
    std::printf(
        "{\"compare\":\"unary\",\"in_flight\":%d,\"added_us_p50\":%.1f,"
        "\"share_of_floor\":%.3f}\n",
        depth, ours.p50_us - floor.p50_us, ours.per_second / floor.per_second);
  }
  const std::string document = Document(64 << 10);
  StreamClassify(service, document, 8, 0.2);
  StreamEcho(echo, document, 8, 0.2);
  const Outcome ours = StreamClassify(service, document, 8, seconds);
  const Outcome floor = StreamEcho(echo, document, 8, seconds);
  Print("stream-echo", document.size(), 8, floor);
  Print("stream-classify", document.size(), 8, ours);
  std::printf("{\"compare\":\"stream\",\"in_flight\":8,\"share_of_floor\":%.3f}\n",
              ours.per_second / floor.per_second);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return 0;
}

}  // namespace
}  // namespace strata::service

int main(int argc, char** argv) {
  return strata::service::Main(argc > 1 ? std::atof(argv[1]) : 2.0);
}
