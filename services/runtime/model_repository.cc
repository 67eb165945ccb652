#include "services/runtime/model_repository.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/runtime/available_memory.h"
#include "services/runtime/error_detail.h"
#include "services/runtime/model_folder.h"
#include "services/runtime/warm_up.h"
#include "services/telemetry/json_log.h"
#include "services/telemetry/steady_time.h"

namespace strata::runtime {
namespace {

namespace fs = std::filesystem;
using telemetry::LogLevel;

absl::Status Annotate(const absl::Status& status, const std::string& name) {
  absl::Status annotated(status.code(),
                         absl::StrCat("model '", name, "': ", std::string(status.message())));
  return WithDetail(std::move(annotated), DetailOf(status));
}

absl::Status NotFound(const std::string& message) {
  return WithDetail(absl::NotFoundError(message), {.reason = "MODEL_NOT_FOUND", .field = "model"});
}

absl::Status OutOfMemory(int64_t num_bytes, const char* whose, const std::string& why) {
  return WithDetail(
      absl::ResourceExhaustedError(absl::StrCat(whose, " have ", num_bytes, " bytes, and ", why)),
      {.reason = "OUT_OF_MEMORY"});
}

absl::Status CheckNames(const std::vector<std::string>& names) {
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  for (const std::string& name : sorted) {
    if (absl::Status status = CheckModelName(name); !status.ok()) return status;
  }
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("two models are named '", *twice, "'"));
}

}  // namespace

ModelRepository::ModelRepository(const ModelRepositoryOptions& options, Loader loader)
    : options_(options), loader_(std::move(loader)) {}

absl::StatusOr<std::unique_ptr<ModelRepository>> ModelRepository::Open(
    const ModelRepositoryOptions& options, Loader loader) {
  if (options.models.empty() && options.folder.empty()) {
    return absl::InvalidArgumentError("no model is given; name at least one");
  }
  std::vector<std::string> names;
  for (const auto& [name, folder] : options.models) names.push_back(name);
  if (absl::Status status = CheckNames(names); !status.ok()) return status;
  std::unique_ptr<ModelRepository> repository(new ModelRepository(options, std::move(loader)));
  auto table = std::make_shared<Table>();
  for (const auto& [name, folder] : options.models) table->entries[name].folder = folder;
  if (!names.empty()) table->default_name = names.front();
  if (!options.folder.empty()) {
    std::error_code error;
    for (auto it = fs::directory_iterator(options.folder, error);
         !error && it != fs::directory_iterator(); it.increment(error)) {
      const std::string name = it->path().filename().string();
      std::error_code ignored;
      if (!it->is_directory(ignored) || !CheckModelName(name).ok()) continue;
      Entry& entry = table->entries[name];
      if (!entry.folder.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "model '", name, "' is given by itself and stands in the repository, too"));
      }
      entry.folder = it->path().string();
      entry.versioned = true;
    }
    if (error) {
      return absl::NotFoundError(
          absl::StrCat("cannot read the repository ", options.folder, ": ", error.message()));
    }
    if (table->default_name.empty() && !table->entries.empty()) {
      table->default_name = table->entries.begin()->first;
    }
  }
  repository->table_ = table;
  for (const std::string& name : names) {
    if (absl::Status status = repository->Load(name); !status.ok()) return status;
  }
  for (const auto& [name, entry] : table->entries) {
    if (entry.versioned) repository->Load(name).IgnoreError();  // logged, and in the index
  }
  return repository;
}

absl::StatusOr<std::unique_ptr<ModelRepository>> ModelRepository::Of(
    std::vector<NamedEngine> engines) {
  if (engines.empty()) return absl::InvalidArgumentError("no model is given; name at least one");
  std::vector<std::string> names;
  for (const auto& [name, engine] : engines) {
    names.push_back(name);
    if (engine == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("model '", name, "' has no engine"));
    }
  }
  if (absl::Status status = CheckNames(names); !status.ok()) return status;
  std::unique_ptr<ModelRepository> repository(new ModelRepository({}, nullptr));
  auto table = std::make_shared<Table>();
  for (auto& [name, engine] : engines) {
    table->entries[name].versions[1] = std::make_shared<const ServedModel>(
        ServedModel{name, 1, absl::StrCat("engine ", ++repository->num_loads_), std::move(engine)});
  }
  table->default_name = names.front();
  repository->table_ = std::move(table);
  return repository;
}

ModelRepository::~ModelRepository() {
  Stop();
  {
    std::lock_guard<std::mutex> lock(jobs_mu_);
    joining_ = true;
  }
  jobs_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Reading.

std::shared_ptr<const ModelRepository::Table> ModelRepository::table() const {
  std::lock_guard<std::mutex> lock(table_mu_);
  return table_;
}

absl::StatusOr<std::shared_ptr<const ServedModel>> ModelRepository::Find(
    std::string_view reference) const {
  const std::shared_ptr<const Table> table = this->table();
  const size_t at = reference.find('@');
  const std::string_view name =
      reference.empty() ? std::string_view(table->default_name) : reference.substr(0, at);
  const auto found = table->entries.find(name);
  if (found == table->entries.end()) {
    return NotFound(absl::StrCat("no model is named '", std::string(name),
                                 "'; loaded: ", absl::StrJoin(names(), ", ")));
  }
  const Entry& entry = found->second;
  if (entry.versions.empty()) {
    return WithDetail(
        absl::UnavailableError(absl::StrCat("model '", std::string(name), "' is not loaded")),
        {.reason = "MODEL_NOT_LOADED", .field = "model"});
  }
  if (at == std::string_view::npos) return entry.versions.rbegin()->second;
  const std::string wanted(reference.substr(at + 1));
  int64_t version = 0;
  if (const auto label = entry.labels.find(wanted); label != entry.labels.end()) {
    version = label->second;
  } else if (!absl::SimpleAtoi(wanted, &version)) {
    return NotFound(absl::StrCat("model '", std::string(name), "' has no label '", wanted, "'"));
  }
  const auto served = entry.versions.find(version);
  if (served == entry.versions.end()) {
    return NotFound(
        absl::StrCat("model '", std::string(name), "' does not serve version ", version));
  }
  return served->second;
}

std::vector<std::string> ModelRepository::names() const {
  const std::shared_ptr<const Table> table = this->table();
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    const auto found = table->entries.find(name);
    if (found != table->entries.end() && !found->second.versions.empty() &&
        std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  };
  add(table->default_name);
  for (const auto& [name, folder] : options_.models) add(name);
  for (const auto& [name, entry] : table->entries) add(name);
  return names;
}

std::vector<std::shared_ptr<const ServedModel>> ModelRepository::served() const {
  std::vector<ModelPtr> all;
  const std::shared_ptr<const Table> table = this->table();
  for (const auto& [name, entry] : table->entries) {
    for (const auto& [version, model] : entry.versions) all.push_back(model);
  }
  return all;
}

std::vector<ModelStatus> ModelRepository::Index() const {
  std::shared_ptr<const Table> table;
  std::vector<ModelPtr> retired;
  {
    std::lock_guard<std::mutex> lock(table_mu_);
    table = table_;
    for (const auto& weak : retired_) {
      if (ModelPtr model = weak.lock()) retired.push_back(std::move(model));
    }
  }
  std::vector<ModelStatus> index;
  for (const auto& [name, entry] : table->entries) {
    for (const auto& [version, model] : entry.versions) {
      index.push_back({name, version, ModelState::kReady, ""});
    }
    if (!entry.reason.empty()) {
      index.push_back({name, entry.failed_version, ModelState::kUnavailable, entry.reason});
    } else if (entry.versions.empty()) {
      index.push_back({name, 0, ModelState::kUnavailable, "unloaded"});
    }
  }
  for (const ModelPtr& model : retired) {
    index.push_back({model->name, model->version, ModelState::kUnloading, "calls finish on it"});
  }
  return index;
}

// Loading.

absl::Status ModelRepository::Load(const std::string& name) {
  const std::lock_guard<std::mutex> lock(load_mu_);
  if (absl::Status status = CheckModelName(name); !status.ok()) return status;
  const absl::Time begin = telemetry::SteadyNow();
  Entry entry;
  const std::shared_ptr<const Table> table = this->table();
  if (const auto found = table->entries.find(name); found != table->entries.end()) {
    entry = found->second;
  } else {  // may have come into the repository since
    const fs::path folder = fs::path(options_.folder) / name;
    std::error_code error;
    if (options_.folder.empty() || !fs::is_directory(folder, error)) {
      return NotFound(absl::StrCat("no model is named '", name, "' in the repository"));
    }
    entry.folder = folder.string();
    entry.versioned = true;
  }
  int64_t version = 0;  // that is being loaded
  absl::StatusOr<Entry> loaded =
      stopping() ? absl::StatusOr<Entry>(DrainingError()) : MakeEntry(name, entry, version);
  const double seconds = absl::ToDoubleSeconds(telemetry::SteadyNow() - begin);
  absl::Status status;
  if (loaded.ok()) {
    entry = *std::move(loaded);
    for (const auto& [number, model] : entry.versions) {
      const models::ModelInfo& info = model->engine->info();
      telemetry::Log(LogLevel::kInfo, "model_loaded",
                     {{"model", name},
                      {"version", number},
                      {"architecture", info.architecture},
                      {"parameters", info.num_parameters},
                      {"weight_bytes", info.weight_bytes},
                      {"dtype", std::string(models::WeightPrecisionName(info.precision))},
                      {"seconds", seconds}});
    }
  } else {
    status = Annotate(loaded.status(), name);
    entry.reason = std::string(loaded.status().message());
    entry.failed_version = version;
    telemetry::Log(
        LogLevel::kError, "model_load_failed",
        {{"model", name}, {"version", version}, {"error", entry.reason}, {"seconds", seconds}});
  }
  Publish(name, std::move(entry));
  return status;
}

// What `old` becomes by a look at its folder; nothing of it is served yet.
absl::StatusOr<ModelRepository::Entry> ModelRepository::MakeEntry(const std::string& name,
                                                                  const Entry& old,
                                                                  int64_t& version) {
  if (old.folder.empty()) {
    return absl::FailedPreconditionError("it came with the program and has no folder to load from");
  }
  Entry entry;
  entry.folder = old.folder;
  entry.versioned = old.versioned;
  if (!old.versioned) {
    version = 1;
    absl::StatusOr<ModelPtr> model = LoadVersion(name, old.folder, 1, false, true);
    if (!model.ok()) return model.status();
    entry.versions[1] = *std::move(model);
    return entry;
  }
  absl::StatusOr<ModelPlan> plan = ReadModelPlan(old.folder);
  if (!plan.ok()) return plan.status();
  entry.labels = std::move(plan->labels);
  for (const int64_t wanted : plan->versions) {
    version = wanted;
    const std::string folder = (fs::path(old.folder) / absl::StrCat(wanted)).string();
    absl::StatusOr<std::string> digest = ManifestDigest(folder);
    if (!digest.ok()) return digest.status();
    const auto kept = old.versions.find(wanted);
    if (kept != old.versions.end() && kept->second->digest == *digest) {
      entry.versions.insert(*kept);
      continue;
    }
    absl::StatusOr<ModelPtr> model = LoadVersion(name, folder, wanted, true, plan->warm_up);
    if (!model.ok()) return model.status();
    entry.versions[wanted] = *std::move(model);
  }
  return entry;
}

absl::StatusOr<ModelRepository::ModelPtr> ModelRepository::LoadVersion(const std::string& name,
                                                                       const std::string& folder,
                                                                       int64_t version,
                                                                       bool versioned,
                                                                       bool warm_up) {
  if (absl::Status status = CheckMemory(folder); !status.ok()) return status;
  ServedModel model;
  model.name = name;
  model.version = version;
  model.digest = absl::StrCat("load ", ++num_loads_);
  if (versioned) {
    absl::StatusOr<std::string> digest = ManifestDigest(folder);
    if (!digest.ok()) return digest.status();
    model.digest = *std::move(digest);
    const absl::Status verified = VerifyManifest(folder, [this] { return stopping(); });
    if (!verified.ok()) return verified;
  }
  absl::StatusOr<std::shared_ptr<const models::Engine>> engine = loader_(folder);
  if (!engine.ok()) return engine.status();
  // They may have grown: a file of 16-bit numbers that is served as float32.
  const absl::Status fits = CheckWeights((*engine)->info().weight_bytes, "its weights");
  if (!fits.ok()) return fits;
  if (warm_up && options_.warm_up > absl::ZeroDuration()) {
    const absl::Status warm = WarmUp(**engine, options_.warm_up, [this] { return stopping(); });
    if (!warm.ok()) {
      return absl::Status(warm.code(),
                          absl::StrCat("its warm-up failed: ", std::string(warm.message())));
    }
  }
  if (stopping()) return DrainingError();
  model.engine = *std::move(engine);
  return std::make_shared<const ServedModel>(std::move(model));
}

// Old and new stand side by side during an exchange, so that nothing is set off.
absl::Status ModelRepository::CheckMemory(const std::string& folder) const {
  absl::StatusOr<int64_t> needed = FolderBytes(folder);
  if (!needed.ok()) return needed.status();
  const absl::Status fits = CheckWeights(*needed, "its files");
  if (!fits.ok()) return fits;
  const int64_t available = AvailableMemoryBytes();
  if (*needed <= available) return absl::OkStatus();
  return OutOfMemory(*needed, "its files", absl::StrCat(available, " bytes of memory are free"));
}

// Whether `num_bytes` fit beside what is loaded, or not yet let go of, under max_model_bytes.
absl::Status ModelRepository::CheckWeights(int64_t num_bytes, const char* whose) const {
  if (options_.max_model_bytes == 0) return absl::OkStatus();
  int64_t used = 0;
  for (const ModelPtr& model : served()) used += model->engine->info().weight_bytes;
  {
    std::lock_guard<std::mutex> lock(table_mu_);
    for (const auto& weak : retired_) {
      if (const ModelPtr model = weak.lock()) used += model->engine->info().weight_bytes;
    }
  }
  if (used + num_bytes <= options_.max_model_bytes) return absl::OkStatus();
  return OutOfMemory(num_bytes, whose,
                     absl::StrCat("the weights that are loaded have ", used,
                                  "; max_model_bytes is ", options_.max_model_bytes));
}

absl::Status ModelRepository::Unload(const std::string& name) {
  const std::lock_guard<std::mutex> lock(load_mu_);
  const std::shared_ptr<const Table> table = this->table();
  const auto found = table->entries.find(name);
  if (found == table->entries.end()) {
    return NotFound(absl::StrCat("no model is named '", name, "'"));
  }
  Entry entry = found->second;
  entry.versions.clear();
  entry.labels.clear();
  entry.reason.clear();
  telemetry::Log(LogLevel::kInfo, "model_unloaded", {{"model", name}});
  Publish(name, std::move(entry));
  return absl::OkStatus();
}

// Puts an entry in its place, in one step for all readers, and tells the watchers.
void ModelRepository::Publish(const std::string& name, Entry entry) {
  const std::lock_guard<std::mutex> watch_lock(watch_mu_);
  const bool ready = !entry.versions.empty();
  std::shared_ptr<const Table> old = this->table();
  auto table = std::make_shared<Table>(*old);
  Entry& place = table->entries[name];
  std::vector<ModelPtr> dropped;
  for (const auto& [version, model] : place.versions) {
    const auto kept = entry.versions.find(version);
    if (kept == entry.versions.end() || kept->second != model) dropped.push_back(model);
  }
  place = std::move(entry);
  {
    std::lock_guard<std::mutex> lock(table_mu_);
    table_ = std::move(table);
    retired_.erase(std::remove_if(retired_.begin(), retired_.end(),
                                  [](const auto& weak) { return weak.expired(); }),
                   retired_.end());
    for (const ModelPtr& model : dropped) retired_.push_back(model);
  }
  for (const auto& [id, watcher] : watchers_) watcher(name, ready);
}  // what was dropped goes here, or with the last call that uses it

int64_t ModelRepository::Watch(Watcher watcher) {
  const std::lock_guard<std::mutex> lock(watch_mu_);
  const std::shared_ptr<const Table> table = this->table();
  for (const auto& [name, entry] : table->entries) watcher(name, !entry.versions.empty());
  watchers_.emplace(next_watcher_, std::move(watcher));
  return next_watcher_++;
}

void ModelRepository::Unwatch(int64_t id) {
  const std::lock_guard<std::mutex> lock(watch_mu_);
  watchers_.erase(id);
}

// The thread of LoadLater and UnloadLater.

void ModelRepository::LoadLater(std::string name, Done done) {
  Enqueue(std::move(name), true, std::move(done));
}

void ModelRepository::UnloadLater(std::string name, Done done) {
  Enqueue(std::move(name), false, std::move(done));
}

void ModelRepository::Enqueue(std::string name, bool load, Done done) {
  constexpr size_t kMaxJobs = 64;
  absl::Status refused = DrainingError();
  {
    const std::lock_guard<std::mutex> lock(jobs_mu_);
    if (!stopping_ && jobs_.size() < kMaxJobs) {
      jobs_.push_back({std::move(name), load, std::move(done)});
      if (!thread_.joinable()) thread_ = std::thread([this] { RunJobs(); });
      jobs_changed_.notify_all();
      return;
    }
    if (!stopping_) {
      refused = WithDetail(absl::ResourceExhaustedError(absl::StrCat(
                               kMaxJobs, " loads and unloads wait already; try again later")),
                           {.reason = "QUEUE_FULL", .field = {}, .retry_delay = absl::Seconds(5)});
    }
  }
  done(refused);
}

void ModelRepository::RunJobs() {
  std::unique_lock<std::mutex> lock(jobs_mu_);
  while (true) {
    jobs_changed_.wait(lock, [this] { return joining_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool refused = stopping_;
    lock.unlock();
    job.done(refused ? DrainingError() : job.load ? Load(job.name) : Unload(job.name));
    job.done = nullptr;
    lock.lock();
  }
}

bool ModelRepository::stopping() const {
  const std::lock_guard<std::mutex> lock(jobs_mu_);
  return stopping_;
}

void ModelRepository::Stop() {
  const std::lock_guard<std::mutex> lock(jobs_mu_);
  stopping_ = true;
}

}  // namespace strata::runtime
