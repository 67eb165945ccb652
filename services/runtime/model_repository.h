// The models that are served, by name and version, and their loading, unloading and exchange while
// calls run.
//
// Readers take a snapshot and keep what they took (read-copy-update): a call that has its model
// finishes on it, whatever is loaded or unloaded meanwhile. A load makes all of a model's new
// versions ready (memory checked, checksums verified, read, warmed up) before one step puts them in
// place and the old ones out; if anything fails, the old ones stay and nothing else changes.
//
// A reference to a model is NAME, NAME@VERSION or NAME@LABEL; NAME alone is its highest version
// that is served. The empty reference is the default model, which does not change while a server
// runs.
#ifndef STRATA_SERVICES_RUNTIME_MODEL_REPOSITORY_H_
#define STRATA_SERVICES_RUNTIME_MODEL_REPOSITORY_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "models/engine/engine.h"
#include "services/runtime/model_statistics.h"

namespace strata::runtime {

// One version, as it is served. Immutable.
struct ServedModel {
  std::string name;
  int64_t version = 1;
  // Of its files' checksums; where there are none, of this one load. Never two models' at once.
  std::string digest;
  std::shared_ptr<const models::Engine> engine;
  std::shared_ptr<ModelStatistics> statistics = std::make_shared<ModelStatistics>();
};

struct ModelRepositoryOptions {
  // name → folder of a model, without versions: it is version 1. The first is the default model.
  std::vector<std::pair<std::string, std::string>> models;
  // Folder in the layout of model_folder.h; empty = none. Its models follow those above, by name.
  std::string folder;
  int64_t max_model_bytes = 0;  // weights of all models together; 0 = what the machine has
  absl::Duration warm_up = absl::ZeroDuration();  // at most this long a version; 0 = no warm-up
};

enum class ModelState : uint8_t { kReady, kUnloading, kUnavailable };

// One version of a model, served or not.
struct ModelStatus {
  std::string name;
  int64_t version = 0;  // 0: the model has none that could be read
  ModelState state = ModelState::kUnavailable;
  std::string reason;  // why it is not ready
};

// Thread-safe.
class ModelRepository {
 public:
  using Loader = std::function<absl::StatusOr<std::shared_ptr<const models::Engine>>(
      const std::string& folder)>;
  using NamedEngine = std::pair<std::string, std::shared_ptr<const models::Engine>>;

  // Loads everything. INVALID_ARGUMENT: no model and no folder, two models of one name, a name that
  // cannot be one; else what the load of one of options.models says. A model of options.folder that
  // does not load is logged, and listed as kUnavailable: the others are served.
  static absl::StatusOr<std::unique_ptr<ModelRepository>> Open(
      const ModelRepositoryOptions& options, Loader loader);
  // The same of engines that are there already; they can be unloaded, and not loaded again.
  static absl::StatusOr<std::unique_ptr<ModelRepository>> Of(std::vector<NamedEngine> engines);
  ~ModelRepository();  // as Stop, then joins

  // NOT_FOUND (MODEL_NOT_FOUND): no model, version or label of this name is known. UNAVAILABLE
  // (MODEL_NOT_LOADED): it is known and not loaded. Never null.
  absl::StatusOr<std::shared_ptr<const ServedModel>> Find(std::string_view reference) const;

  // Names of the models with a version that is served, the default one first.
  std::vector<std::string> names() const;
  // Every version that is served, by name and version.
  std::vector<std::shared_ptr<const ServedModel>> served() const;
  std::vector<ModelStatus> Index() const;

  // Reads the model's folder anew and exchanges what differs. Blocks for as long as that takes.
  // NOT_FOUND: no such folder. DATA_LOSS: checksums. RESOURCE_EXHAUSTED: memory. UNAVAILABLE: after
  // Stop. FAILED_PRECONDITION: it came as an engine. Else what the loader says.
  absl::Status Load(const std::string& name);
  // Its calls finish. NOT_FOUND: no such model.
  absl::Status Unload(const std::string& name);

  // The same one after the other on a thread of the repository, where `done` runs, too.
  using Done = absl::AnyInvocable<void(absl::Status)>;
  void LoadLater(std::string name, Done done);
  void UnloadLater(std::string name, Done done);

  // Calls `watcher` for every known model, then whenever one gains its first version or loses its
  // last; Unwatch returns when no call is on its way. A watcher must not call the repository.
  using Watcher = std::function<void(const std::string& name, bool ready)>;
  int64_t Watch(Watcher watcher);
  void Unwatch(int64_t id);

  // Loads that wait or run end soon, with UNAVAILABLE; what is served stays.
  void Stop();

 private:
  using ModelPtr = std::shared_ptr<const ServedModel>;
  struct Entry {
    std::string folder;      // of the model, or of its only version; empty: it came as an engine
    bool versioned = false;  // the folder has the layout of model_folder.h
    std::map<int64_t, ModelPtr> versions;
    std::map<std::string, int64_t> labels;
    std::string reason;  // why the last load failed; empty if it did not
    int64_t failed_version = 0;
  };
  struct Table {
    std::map<std::string, Entry, std::less<>> entries;
    std::string default_name;
  };

  ModelRepository(const ModelRepositoryOptions& options, Loader loader);

  std::shared_ptr<const Table> table() const;
  void Publish(const std::string& name, Entry entry);
  absl::StatusOr<Entry> MakeEntry(const std::string& name, const Entry& old, int64_t& version);
  absl::StatusOr<ModelPtr> LoadVersion(const std::string& name, const std::string& folder,
                                       int64_t version, bool versioned, bool warm_up);
  absl::Status CheckMemory(const std::string& folder) const;
  absl::Status CheckWeights(int64_t num_bytes, const char* whose) const;
  void LoadFolder();
  void RunJobs();
  void Enqueue(std::string name, bool load, Done done);
  bool stopping() const;

  const ModelRepositoryOptions options_;
  const Loader loader_;

  std::mutex load_mu_;  // one load or unload at a time; before all others
  int64_t num_loads_ = 0;
  std::vector<std::weak_ptr<const ServedModel>> retired_;  // guarded by table_mu_

  mutable std::mutex table_mu_;
  std::shared_ptr<const Table> table_ = std::make_shared<Table>();

  std::mutex watch_mu_;  // before table_mu_
  std::map<int64_t, Watcher> watchers_;
  int64_t next_watcher_ = 1;

  struct Job {
    std::string name;
    bool load = false;
    Done done;
  };
  mutable std::mutex jobs_mu_;
  std::condition_variable jobs_changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  bool joining_ = false;
  std::thread thread_;  // started by the first job
};

}  // namespace strata::runtime

#endif  // STRATA_SERVICES_RUNTIME_MODEL_REPOSITORY_H_
