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
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "traces/support/error.h"

namespace spikeloop::nas {
namespace {

constexpr int kApplicationId = 0x53504c50;  // "SPLP": tells a study from other SQLite files
constexpr int kSchemaVersion = 2;
constexpr int kBusyTimeoutMs = 30'000;

constexpr std::array<const char*, 6> kStates{"WAITING", "RUNNING",    "COMPLETE",
                                             "PRUNED",  "INFEASIBLE", "FAIL"};
constexpr std::array<const char*, 5> kStages{"bound", "score", "provisional", "measured", "final"};

const char* const kSchema = R"(
CREATE TABLE study (settings TEXT NOT NULL);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY, round INTEGER NOT NULL, candidate TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL, "limit" TEXT NOT NULL,
  score REAL, "values" TEXT, bound TEXT, provisional TEXT, measured TEXT, final TEXT,
  accuracy REAL, final_accuracy REAL, artifacts TEXT NOT NULL);
CREATE TABLE rounds (
  round INTEGER PRIMARY KEY, proposed INTEGER NOT NULL, repeated INTEGER NOT NULL, passed_over TEXT NOT NULL);
CREATE TABLE timings (
  trial INTEGER NOT NULL, stage TEXT NOT NULL, wall_s REAL NOT NULL,
  max_rss_kb INTEGER NOT NULL, PRIMARY KEY (trial, stage));
CREATE TABLE leases (
  trial INTEGER PRIMARY KEY, holder TEXT NOT NULL, taken_s REAL NOT NULL, until_s REAL NOT NULL);
CREATE TABLE attempts (
  trial INTEGER NOT NULL, stage TEXT NOT NULL, attempts INTEGER NOT NULL, PRIMARY KEY (trial, stage));
)";
constexpr const char* kPlaceholders = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";  // a trial's columns

template <class Words>
std::size_t index_of(const Words& words, const std::string& word, const std::string& path, const char* what) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (word == words[i]) return i;
  std::string expected = words[0];
  for (std::size_t i = 1; i < words.size(); ++i) expected += std::string(", ") + words[i];
  throw InputError(path, what, '"' + word + '"', "one of " + expected);
}

using Json = nlohmann::json;

/// Numbers that JSON does not know are null; both ways.
Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
double number_of(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

std::optional<std::string> text_of(const std::map<std::string, double>& values) {
  if (values.empty()) return std::nullopt;
  Json json = Json::object();
  for (const auto& [key, value] : values) json[key] = json_of(value);
  return json.dump();
}

std::map<std::string, double> parse_values(const std::optional<std::string>& text) {
  std::map<std::string, double> values;
  if (!text) return values;
  for (const auto& [key, value] : Json::parse(*text).get<std::map<std::string, Json>>())
    values[key] = number_of(value);
  return values;
}

std::optional<std::string> text_of(const std::optional<Costs>& costs) {
  if (!costs) return std::nullopt;
  std::map<std::string, double> values = costs->fields;
  for (const Cost cost : kAllCosts) values[unit_key(cost)] = costs->get(cost);
  return text_of(values);
}

std::optional<Costs> parse_costs(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  Costs costs;
  costs.fields = parse_values(text);
  for (const Cost cost : kAllCosts) {
    costs.set(cost, costs.fields.at(unit_key(cost)));
    costs.fields.erase(unit_key(cost));
  }
  return costs;
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

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

/// Reads in column order.
class RowReader {
 public:
  explicit RowReader(SQLite::Statement& statement) : statement_(statement) {}
  std::int64_t integer() { return statement_.getColumn(index_++).getInt64(); }
  double real() { return statement_.getColumn(index_++).getDouble(); }
  std::string text() { return statement_.getColumn(index_++).getString(); }
  std::optional<double> optional_real() {
    const auto column = statement_.getColumn(index_++);
    return column.isNull() ? std::nullopt : std::optional<double>(column.getDouble());
  }
  std::optional<std::string> optional_text() {
    const auto column = statement_.getColumn(index_++);
    return column.isNull() ? std::nullopt : std::optional<std::string>(column.getString());
  }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

void bind(SQLite::Statement& statement, const Trial& trial) {
  Binder binder(statement);
  binder.add(trial.number);
  binder.add(trial.round);
  binder.add(trial.genotype);
  binder.add(trial.hash);
  binder.add(to_string(trial.state));
  binder.add(to_string(trial.stage));
  binder.add(trial.reason);
  binder.add(trial.limits_exceeded);
  binder.add(trial.score);
  binder.add(text_of(trial.scores));
  for (const auto* costs : {&trial.bound, &trial.provisional, &trial.measured, &trial.final_measured})
    binder.add(text_of(*costs));
  binder.add(trial.accuracy);
  binder.add(trial.final_accuracy);
  binder.add(trial.artifacts);
}

Trial read_trial(SQLite::Statement& statement, const std::string& path) {
  RowReader row(statement);
  Trial trial;
  trial.number = row.integer();
  trial.round = row.integer();
  trial.genotype = row.text();
  trial.hash = row.text();
  trial.state = static_cast<TrialState>(index_of(kStates, row.text(), path, "trials.state"));
  trial.stage = static_cast<Stage>(index_of(kStages, row.text(), path, "trials.stage"));
  trial.reason = row.text();
  trial.limits_exceeded = row.text();
  trial.score = row.optional_real();
  trial.scores = parse_values(row.optional_text());
  for (auto* costs : {&trial.bound, &trial.provisional, &trial.measured, &trial.final_measured})
    *costs = parse_costs(row.optional_text());
  trial.accuracy = row.optional_real();
  trial.final_accuracy = row.optional_real();
  trial.artifacts = row.text();
  return trial;
}

int lock_writer(const std::string& path) {
  const std::string lock = path + ".lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) throw InputError(lock, "open", std::strerror(errno), "a writable folder");
  // is_locked holds it for a moment.
  for (int attempt = 0; attempt < 20; ++attempt) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
    usleep(5000);
  }
  close(fd);
  throw InputError(path, "open", "another search that is running on it", "one search at a time");
}

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string holder() {
  char host[256] = {};
  if (gethostname(host, sizeof host - 1) != 0 || host[0] == 0) std::strcpy(host, "unknown");
  return std::string(host) + ':' + std::to_string(getpid());
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
        refuse("schema version " + std::to_string(pragma("user_version")) + " of another spikeloop");
      SQLite::Statement statement(*database, "SELECT settings FROM study");
      if (!statement.executeStep()) refuse("no settings");
      settings = statement.getColumn(0).getString();
      if (!Json::accept(settings)) refuse("damaged settings");
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

  /// Rows of a query, each through `read`. Throws InputError when the file is damaged.
  template <class Read>
  auto rows(const char* query, Read&& read) const {
    try {
      SQLite::Statement statement(*database, query);
      std::vector<decltype(read(statement))> result;
      while (statement.executeStep()) result.push_back(read(statement));
      return result;
    } catch (const SQLite::Exception& error) {
      refuse(error.what());
    } catch (const Json::exception& error) {
      refuse(error.what());
    } catch (const std::out_of_range&) {
      refuse("costs without one of the four");
    }
  }

  // No transactions of their own:

  template <class... Values>
  void change(const std::string& command, const Values&... values) const {
    SQLite::Statement statement(*database, command);
    Binder binder(statement);
    (binder.add(values), ...);
    statement.exec();
  }

  void put(const char* command, const Trial& trial) const {
    SQLite::Statement statement(*database, std::string(command) + " INTO trials VALUES " + kPlaceholders);
    bind(statement, trial);
    statement.exec();
  }

  void replace(const Trial& trial) const {
    SQLite::Statement count(*database, "SELECT count(*) FROM trials WHERE number = ? AND hash = ?");
    count.bind(1, trial.number);
    count.bind(2, trial.hash);
    count.executeStep();
    if (count.getColumn(0).getInt() != 1)
      throw std::logic_error("trial " + std::to_string(trial.number) + " is not in the study");
    put("INSERT OR REPLACE", trial);
    if (trial.state != TrialState::kRunning) change("DELETE FROM leases WHERE trial = ?", trial.number);
  }

  /// Calls `changes` in a transaction.
  template <class Changes>
  void transact(Changes&& changes) const {
    SQLite::Transaction transaction(*database, SQLite::TransactionBehavior::IMMEDIATE);
    changes();
    transaction.commit();
  }
};

const char* to_string(TrialState state) { return kStates[static_cast<std::size_t>(state)]; }
const char* to_string(Stage stage) { return kStages[static_cast<std::size_t>(stage)]; }

std::string job_folder(std::int64_t trial, Stage stage) {
  const std::string folder = "candidates/" + std::to_string(trial);
  return stage == Stage::kMeasured ? folder : folder + '/' + to_string(stage);
}

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
  try {
    file->database->exec("PRAGMA journal_mode = WAL");
    file->database->exec("PRAGMA synchronous = FULL");
    if (empty) file->create_schema(settings_json);
    file->resumed = file->database->execAndGet("SELECT count(*) FROM trials").getInt() > 0;
  } catch (const SQLite::Exception& error) {
    file->refuse(error.what());
  }
  return Study(std::move(file));
}

Study Study::open(const std::string& path) {
  // Refuses what is no study before it leaves a lock file beside it.
  const std::string settings = open_read_only(path).settings_json();
  return create_or_resume(path, settings);
}

Study Study::open_read_only(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) throw InputError(path, "open", "no such file", "a study.db");
  auto file = std::make_unique<File>();
  file->path = path;
  if (file->open_database(SQLite::OPEN_READONLY)) file->refuse("an empty database");
  return Study(std::move(file));
}

bool Study::is_locked(const std::string& path) {
  const int fd = ::open((path + ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0;
  close(fd);
  return locked;
}

const std::string& Study::settings_json() const { return file_->settings; }
bool Study::resumed() const { return file_->resumed; }

std::vector<Trial> Study::trials() const {
  return file_->rows("SELECT * FROM trials ORDER BY number",
                     [&](SQLite::Statement& row) { return read_trial(row, file_->path); });
}

std::vector<Timing> Study::timings() const {
  return file_->rows("SELECT trial, stage, wall_s, max_rss_kb FROM timings ORDER BY 1, 2",
                     [&](SQLite::Statement& statement) {
                       RowReader row(statement);
                       Timing timing;
                       timing.trial = row.integer();
                       timing.stage =
                           static_cast<Stage>(index_of(kStages, row.text(), file_->path, "timings.stage"));
                       timing.wall_s = row.real();
                       timing.max_rss_kb = row.integer();
                       return timing;
                     });
}

std::vector<Round> Study::rounds() const {
  return file_->rows("SELECT round, proposed, repeated, passed_over FROM rounds ORDER BY 1",
                     [](SQLite::Statement& statement) {
                       RowReader row(statement);
                       Round round;
                       round.round = row.integer();
                       round.proposed = row.integer();
                       round.repeated = row.integer();
                       round.passed_over = Json::parse(row.text()).get<std::map<std::string, std::int64_t>>();
                       return round;
                     });
}

void Study::insert(const std::vector<Trial>& trials) {
  file_->transact([&] {
    for (const Trial& trial : trials) file_->put("INSERT", trial);
  });
}

void Study::insert(const std::vector<Trial>& trials, const Round& round) {
  file_->transact([&] {
    for (const Trial& trial : trials) file_->put("INSERT", trial);
    file_->change("INSERT INTO rounds VALUES (?, ?, ?, ?)", round.round, round.proposed, round.repeated,
                  Json(round.passed_over).dump());
  });
}

void Study::update(const Trial& trial) {
  file_->transact([&] { file_->replace(trial); });
}

void Study::update(const std::vector<Trial>& trials) {
  if (trials.empty()) return;
  file_->transact([&] {
    for (const Trial& trial : trials) file_->replace(trial);
  });
}

void Study::update(const Trial& trial, const Timing& timing) {
  file_->transact([&] {
    file_->replace(trial);
    file_->change("INSERT OR REPLACE INTO timings VALUES (?, ?, ?, ?)", timing.trial, to_string(timing.stage),
                  timing.wall_s, timing.max_rss_kb);
  });
}

void Study::lease(std::int64_t trial, double until_s) {
  file_->transact([&] {
    file_->change("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", trial, holder(), now_s(), until_s);
  });
}

std::vector<Lease> Study::leases() const {
  return file_->rows("SELECT trial, holder, taken_s, until_s FROM leases ORDER BY 1",
                     [](SQLite::Statement& statement) {
                       RowReader row(statement);
                       Lease lease;
                       lease.trial = row.integer();
                       lease.holder = row.text();
                       lease.taken_s = row.real();
                       lease.until_s = row.real();
                       return lease;
                     });
}

std::int64_t Study::count_attempt(std::int64_t trial, Stage stage) {
  file_->transact([&] {
    file_->change(
        "INSERT INTO attempts VALUES (?, ?, 1) ON CONFLICT (trial, stage) DO UPDATE SET attempts = attempts "
        "+ 1",
        trial, to_string(stage));
  });
  return attempts(trial, stage);
}

std::int64_t Study::attempts(std::int64_t trial, Stage stage) const {
  SQLite::Statement statement(*file_->database,
                              "SELECT attempts FROM attempts WHERE trial = ? AND stage = ?");
  statement.bind(1, trial);
  statement.bind(2, to_string(stage));
  return statement.executeStep() ? statement.getColumn(0).getInt64() : 0;
}

void Study::retry(const Trial& failed) {
  if (failed.state != TrialState::kFail)
    throw std::logic_error("trial " + std::to_string(failed.number) + " did not fail");
  Trial trial = failed;
  trial.state = TrialState::kWaiting;
  trial.reason.clear();
  trial.limits_exceeded.clear();
  file_->transact([&] {
    file_->replace(trial);
    file_->change("DELETE FROM attempts WHERE trial = ? AND stage = ?", trial.number, to_string(trial.stage));
  });
}

std::string settings_difference(const std::string& stored_json, const std::string& given_json) {
  const Json stored = Json::parse(stored_json).flatten();
  const Json given = Json::parse(given_json).flatten();
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
