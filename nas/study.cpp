#include "nas/study.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

constexpr int kApplicationId = 0x53504c50;  // "SPLP": tells a study from other SQLite files
constexpr int kSchemaVersion = 1;
constexpr int kBusyTimeoutMs = 30'000;

constexpr std::array<const char*, 6> kStates{"WAITING", "RUNNING",    "COMPLETE",
                                             "PRUNED",  "INFEASIBLE", "FAIL"};
constexpr std::array<const char*, 5> kStages{"bound", "score", "provisional", "measured", "final"};

const char* const kSchema = R"(
CREATE TABLE study (settings TEXT NOT NULL);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY, draw INTEGER NOT NULL UNIQUE, genotype TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, "limit" TEXT NOT NULL,
  score REAL, lif_modules INTEGER, convolutions INTEGER, firing_rate REAL,
  bound_memory_bytes REAL, bound_area_um2 REAL, bound_latency_ns REAL, bound_energy_pj REAL,
  provisional_memory_bytes REAL, provisional_area_um2 REAL, provisional_latency_ns REAL, provisional_energy_pj REAL,
  measured_memory_bytes REAL, measured_area_um2 REAL, measured_latency_ns REAL, measured_energy_pj REAL,
  final_memory_bytes REAL, final_area_um2 REAL, final_latency_ns REAL, final_energy_pj REAL,
  accuracy REAL, final_accuracy REAL, artifacts TEXT NOT NULL);
CREATE TABLE timings (
  trial INTEGER NOT NULL, stage TEXT NOT NULL, wall_s REAL NOT NULL,
  max_rss_kb INTEGER NOT NULL, PRIMARY KEY (trial, stage));
)";
constexpr int kTrialColumns = 31;

template <class Words>
std::size_t index_of(const Words& words, const std::string& word, const std::string& path, const char* what) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (word == words[i]) return i;
  std::string expected = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) expected += std::string(", ") + words[i];
  throw InputError(path, what, '"' + word + '"', "one of " + expected);
}

/// Binds in column order.
class Binder {
 public:
  explicit Binder(SQLite::Statement& statement) : statement_(statement) {}
  void add(std::int64_t value) { statement_.bind(++index_, value); }
  void add(double value) { statement_.bind(++index_, value); }
  void add(const std::string& value) { statement_.bind(++index_, value); }
  void add(const char* value) { statement_.bind(++index_, value); }
  template <class T>
  void add(const std::optional<T>& value) {
    if (value)
      add(*value);
    else
      statement_.bind(++index_);
  }
  void add_costs(const std::optional<Costs>& costs) {
    for (const Cost cost : kAllCosts) add(costs ? std::optional<double>(costs->get(cost)) : std::nullopt);
  }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

/// Reads in column order.
class RowReader {
 public:
  explicit RowReader(SQLite::Statement& statement) : statement_(statement) {}
  std::int64_t integer() { return statement_.getColumn(index_++).getInt64(); }
  std::string text() { return statement_.getColumn(index_++).getString(); }
  std::optional<std::int64_t> optional_integer() {
    const auto column = statement_.getColumn(index_++);
    return column.isNull() ? std::nullopt : std::optional<std::int64_t>(column.getInt64());
  }
  std::optional<double> optional_real() {
    const auto column = statement_.getColumn(index_++);
    return column.isNull() ? std::nullopt : std::optional<double>(column.getDouble());
  }
  std::optional<Costs> costs() {
    std::optional<Costs> result;
    for (const Cost cost : kAllCosts) {
      const auto value = optional_real();
      if (!value) continue;
      if (!result) result.emplace();
      result->set(cost, *value);
    }
    return result;
  }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

void bind(SQLite::Statement& statement, const Trial& trial) {
  Binder binder(statement);
  binder.add(trial.number);
  binder.add(trial.draw);
  binder.add(trial.genotype);
  binder.add(trial.hash);
  binder.add(to_string(trial.state));
  binder.add(to_string(trial.stage));
  binder.add(trial.reason);
  binder.add(trial.limits_exceeded);
  binder.add(trial.score);
  binder.add(trial.lif_modules);
  binder.add(trial.convolutions);
  binder.add(trial.firing_rate);
  binder.add_costs(trial.bound);
  binder.add_costs(trial.provisional);
  binder.add_costs(trial.measured);
  binder.add_costs(trial.final_measured);
  binder.add(trial.accuracy);
  binder.add(trial.final_accuracy);
  binder.add(trial.artifacts);
}

Trial read_trial(SQLite::Statement& statement, const std::string& path) {
  RowReader row(statement);
  Trial trial;
  trial.number = row.integer();
  trial.draw = row.integer();
  trial.genotype = row.text();
  trial.hash = row.text();
  trial.state = static_cast<TrialState>(index_of(kStates, row.text(), path, "trials.state"));
  trial.stage = static_cast<Stage>(index_of(kStages, row.text(), path, "trials.stage"));
  trial.reason = row.text();
  trial.limits_exceeded = row.text();
  trial.score = row.optional_real();
  trial.lif_modules = row.optional_integer();
  trial.convolutions = row.optional_integer();
  trial.firing_rate = row.optional_real();
  trial.bound = row.costs();
  trial.provisional = row.costs();
  trial.measured = row.costs();
  trial.final_measured = row.costs();
  trial.accuracy = row.optional_real();
  trial.final_accuracy = row.optional_real();
  trial.artifacts = row.text();
  return trial;
}

int lock_writer(const std::string& path) {
  const std::string lock = path + ".lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) throw InputError(lock, "open", std::strerror(errno), "a writable folder");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  close(fd);
  throw InputError(path, "open", "another search that is running on it", "one search at a time");
}

}  // namespace

struct Study::File {
  std::string path, settings;
  std::unique_ptr<SQLite::Database> database;
  bool resumed = false;
  int lock = -1;

  File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    database.reset();  // the lock must outlive the last write
    if (lock >= 0) close(lock);
  }

  [[noreturn]] void refuse(const std::string& found) const {
    throw InputError(path, "format", found,
                     "a study of spikeloop, schema version " + std::to_string(kSchemaVersion));
  }

  int pragma(const char* name) const { return database->execAndGet(std::string("PRAGMA ") + name).getInt(); }

  /// Opens `path`; true when it is an empty database.
  bool open_database(int flags) {
    try {
      database = std::make_unique<SQLite::Database>(path, flags, kBusyTimeoutMs);
      const int tables = database->execAndGet("SELECT count(*) FROM sqlite_master").getInt();
      if (tables == 0 && pragma("application_id") == 0) return true;
      if (pragma("application_id") != kApplicationId) refuse("another program's SQLite file");
      if (pragma("user_version") != kSchemaVersion)
        refuse("schema version " + std::to_string(pragma("user_version")));
      SQLite::Statement statement(*database, "SELECT settings FROM study");
      if (!statement.executeStep()) refuse("no settings");
      settings = statement.getColumn(0).getString();
      return false;
    } catch (const SQLite::Exception& error) {
      refuse(error.what());
    }
  }

  void create_schema(const std::string& settings_json) {
    SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
    database->exec(kSchema);
    database->exec("PRAGMA application_id = " + std::to_string(kApplicationId));
    database->exec("PRAGMA user_version = " + std::to_string(kSchemaVersion));
    SQLite::Statement statement(*database, "INSERT INTO study VALUES (?)");
    statement.bind(1, settings_json);
    statement.exec();
    transaction.commit();
    settings = settings_json;
  }

  /// No transaction of its own.
  void replace(const Trial& trial) const {
    static const std::string kUpdate = [] {
      std::string text = "INSERT OR REPLACE INTO trials VALUES (?";
      for (int i = 1; i < kTrialColumns; ++i) text += ",?";
      return text + ')';
    }();
    SQLite::Statement count(*database, "SELECT count(*) FROM trials WHERE number = ? AND hash = ?");
    count.bind(1, trial.number);
    count.bind(2, trial.hash);
    count.executeStep();
    if (count.getColumn(0).getInt() != 1)
      throw std::logic_error("trial " + std::to_string(trial.number) + " is not in the study");
    SQLite::Statement statement(*database, kUpdate);
    bind(statement, trial);
    statement.exec();
  }
};

const char* to_string(TrialState state) { return kStates[static_cast<std::size_t>(state)]; }
const char* to_string(Stage stage) { return kStages[static_cast<std::size_t>(stage)]; }

Study::Study(std::unique_ptr<File> file) : file_(std::move(file)) {}
Study::~Study() = default;
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;

Study Study::create_or_resume(const std::string& path, const std::string& settings_json) {
  auto file = std::make_unique<File>();
  file->path = path;
  file->lock = lock_writer(path);
  const bool empty = file->open_database(SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  if (!empty) {
    const std::string difference = settings_difference(file->settings, settings_json);
    if (!difference.empty())
      throw InputError(path, "settings", difference,
                       "the settings the study was started with (or another --out)");
  }
  file->database->exec("PRAGMA journal_mode = WAL");
  file->database->exec("PRAGMA synchronous = FULL");
  if (empty) file->create_schema(settings_json);
  file->resumed = file->database->execAndGet("SELECT count(*) FROM trials").getInt() > 0;
  return Study(std::move(file));
}

Study Study::open_read_only(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) throw InputError(path, "open", "no such file", "a study.db");
  auto file = std::make_unique<File>();
  file->path = path;
  if (file->open_database(SQLite::OPEN_READONLY)) file->refuse("an empty database");
  return Study(std::move(file));
}

const std::string& Study::settings_json() const { return file_->settings; }
bool Study::resumed() const { return file_->resumed; }

std::vector<Trial> Study::trials() const {
  SQLite::Statement statement(*file_->database, "SELECT * FROM trials ORDER BY number");
  std::vector<Trial> result;
  while (statement.executeStep()) result.push_back(read_trial(statement, file_->path));
  return result;
}

std::vector<Timing> Study::timings() const {
  SQLite::Statement statement(*file_->database,
                              "SELECT trial, stage, wall_s, max_rss_kb FROM timings ORDER BY 1, 2");
  std::vector<Timing> result;
  while (statement.executeStep()) {
    Timing timing;
    timing.trial = statement.getColumn(0).getInt64();
    timing.stage = static_cast<Stage>(
        index_of(kStages, statement.getColumn(1).getString(), file_->path, "timings.stage"));
    timing.wall_s = statement.getColumn(2).getDouble();
    timing.max_rss_kb = statement.getColumn(3).getInt64();
    result.push_back(timing);
  }
  return result;
}

void Study::insert(const Trial& trial) {
  static const std::string kInsert = [] {
    std::string text = "INSERT INTO trials VALUES (?";
    for (int i = 1; i < kTrialColumns; ++i) text += ",?";
    return text + ')';
  }();
  SQLite::Transaction transaction(*file_->database, SQLite::TransactionBehavior::IMMEDIATE);
  SQLite::Statement statement(*file_->database, kInsert);
  bind(statement, trial);
  statement.exec();
  transaction.commit();
}

void Study::update(const Trial& trial) {
  SQLite::Transaction transaction(*file_->database, SQLite::TransactionBehavior::IMMEDIATE);
  file_->replace(trial);
  transaction.commit();
}

void Study::update(const Trial& trial, const Timing& timing) {
  SQLite::Transaction transaction(*file_->database, SQLite::TransactionBehavior::IMMEDIATE);
  file_->replace(trial);
  SQLite::Statement statement(*file_->database, "INSERT OR REPLACE INTO timings VALUES (?, ?, ?, ?)");
  statement.bind(1, timing.trial);
  statement.bind(2, to_string(timing.stage));
  statement.bind(3, timing.wall_s);
  statement.bind(4, timing.max_rss_kb);
  statement.exec();
  transaction.commit();
}

std::string settings_difference(const std::string& stored_json, const std::string& given_json) {
  const nlohmann::json stored = nlohmann::json::parse(stored_json).flatten();
  const nlohmann::json given = nlohmann::json::parse(given_json).flatten();
  std::string text;
  const auto add = [&](const std::string& key, const std::string& was, const std::string& now) {
    if (!text.empty()) text += "; ";
    text += key.substr(1) + ": " + was + " in the study, " + now + " now";
  };
  for (const auto& [key, value] : stored.items()) {
    if (!given.contains(key))
      add(key, value.dump(), "absent");
    else if (given[key] != value)
      add(key, value.dump(), given[key].dump());
  }
  for (const auto& [key, value] : given.items())
    if (!stored.contains(key)) add(key, "absent", value.dump());
  return text;
}

}  // namespace spikeloop::nas
