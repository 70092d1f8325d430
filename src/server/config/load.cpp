#include "server/config/load.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "server/config/app_env.hpp"
#include "server/config/check.hpp"
#include "server/config/raw.hpp"
#include "server/config/value.hpp"

namespace gatecast::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::size_t kMaxIncludes = 16;
constexpr std::string_view kPrefix = "GATECAST_";
/// Read by core/failpoint and core/process_clock in trees built for tests.
constexpr std::string_view kFailpoint = "GATECAST_FAILPOINT_KILL";
constexpr std::string_view kClockShift = "GATECAST_CLOCK_SHIFT";

void error(std::vector<Finding>& findings, std::string where, std::string key, std::string text, std::string cure) {
  findings.push_back({Finding::Level::error, std::move(where), std::move(key), std::move(text), std::move(cure)});
}

std::optional<std::string> read_whole(const std::string& path, std::string& problem) {
  std::error_code ec;
  if (!fs::is_regular_file(path, ec)) {
    problem = fs::exists(path, ec) ? "not a file" : "no such file";
    return std::nullopt;
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  if (!in || !(out << in.rdbuf() || in.peek() == EOF)) {
    problem = "not readable";
    return std::nullopt;
  }
  if (out.view().size() > kMaxFileBytes) {
    problem = "larger than 1 MiB";
    return std::nullopt;
  }
  return std::move(out).str();
}

/// Reads a file over what it includes; `open` holds the files being read, for cycles.
class FileReader {
 public:
  FileReader(Raw& root, std::vector<Finding>& findings) : root_(root), findings_(findings) {}

  void read(const std::string& path, const std::string& named_at) {
    std::string problem;
    auto text = read_whole(path, problem);
    if (!text) {
      error(findings_, named_at, named_at == "--config" ? "" : "include", fmt::format("{}: {}", path, problem),
            "Check the path; a relative one starts at the file that includes it, or at the working folder.");
      return;
    }
    read_text(*text, path);
  }
  void read_text(std::string_view text, const std::string& path) {
    std::error_code ec;
    std::string identity = fs::weakly_canonical(path, ec).string();
    open_.push_back(identity);
    Raw file;
    std::string folder = fs::path(path).parent_path().string();
    if (read_toml(text, path, folder, file, findings_)) {
      take_includes(file, folder);
      overlay(root_, std::move(file));
    }
    open_.pop_back();
  }

 private:
  void take_includes(Raw& file, const std::string& folder) {
    Raw* include = file.find("include");
    if (include == nullptr) return;
    Strings paths;
    static constexpr Row kInclude{"include", nullptr, ""};
    if (auto problem = assign(kInclude, Slot{&paths}, *include); !problem.empty()) {
      error(findings_, include->where, "include", problem, "include = [\"base.toml\"]");
    }
    std::string where = include->where;
    std::erase_if(std::get<Raw::Table>(file.value), [](const auto& member) { return member.first == "include"; });
    for (const std::string& path : paths) {
      std::string full = (fs::path(folder) / path).string();
      std::error_code ec;
      std::string identity = fs::weakly_canonical(full, ec).string();
      if (std::find(open_.begin(), open_.end(), identity) != open_.end()) {
        error(findings_, where, "include", fmt::format("{} includes itself, directly or by others", full),
              "Remove one of the includes.");
      } else if (open_.size() >= kMaxIncludes || ++files_ > kMaxIncludes * 4) {
        error(findings_, where, "include", "too many files include each other", "Use fewer files.");
      } else {
        read(full, where);
      }
    }
  }

  Raw& root_;
  std::vector<Finding>& findings_;
  std::vector<std::string> open_{};
  std::size_t files_ = 0;
};

/// A variable's or flag's text as a raw value: JSON where it looks like it and the key takes it, else text.
bool raw_of_text(std::string_view path, std::string_view text, Raw& out, std::string& problem) {
  const Row* row = find_row(path);
  const auto slot_of = [&] {
    static Config scratch = [] {
      Config c;
      for (const ArrayRow& array : arrays()) array.resize(c, 1);
      return c;
    }();
    return row->at(scratch, 0);
  };
  bool takes_json = row == nullptr || std::holds_alternative<Strings*>(slot_of()) ||
                    std::holds_alternative<ClaimsConfig*>(slot_of()) || std::holds_alternative<Numbers*>(slot_of());
  if (takes_json && (text.starts_with('[') || text.starts_with('{'))) return read_json(text, out, out, problem);
  out.value = std::string(text);
  out.from_text = true;
  return true;
}

/// GATECAST_HTTP__ADDRESS is http.address; the empty string where the name is not of this form.
std::string path_of_variable(std::string_view name) {
  std::string out;
  name.remove_prefix(kPrefix.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '_' && i + 1 < name.size() && name[i + 1] == '_') {
      out += '.';
      ++i;
    } else {
      out += name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] - 'A' + 'a') : name[i];
    }
  }
  return out;
}

bool is_known(std::string_view path) {
  return (find_row(path) != nullptr && array_of(path) == nullptr) || find_array(path) != nullptr || is_section(path);
}

std::string nearest_variable(std::string_view name) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, name.size() / 6) + 1;
  auto consider = [&](std::string_view path) {
    if (array_of(path) != nullptr) return;
    std::string known = environment_name(path);
    std::size_t distance = edit_distance(name, known);
    if (distance < best_distance) best = known, best_distance = distance;
  };
  for (const Row& row : rows()) consider(row.path);
  for (const ArrayRow& row : arrays()) consider(row.path);
  return best;
}

void read_environment(const LoadOptions& options, Raw& root, std::vector<Finding>& findings) {
  for (const auto& [name, value] : options.environment) {
    if (!name.starts_with(kPrefix) || name == kFailpoint || name == kClockShift) continue;
    std::string where = "environment " + name;
    std::string path = path_of_variable(name);
    if (!is_known(path)) {
      std::string nearest = nearest_variable(name);
      error(findings, where, "", "unknown variable",
            nearest.empty() ? "gatecast config default lists every key; http.address is GATECAST_HTTP__ADDRESS."
                            : fmt::format("Did you mean {}?", nearest));
      continue;
    }
    Raw raw{.where = where};
    std::string problem;
    if (raw_of_text(path, value, raw, problem)) {
      put(root, path, std::move(raw));
    } else {
      error(findings, where, path, problem, "Lists and tables in variables are JSON: [{\"name\":\"…\"}]");
    }
  }
}

void read_sets(const LoadOptions& options, Raw& root, std::vector<Finding>& findings) {
  for (const std::string& set : options.sets) {
    auto equals = set.find('=');
    std::string path = set.substr(0, equals);
    if (equals == std::string::npos || path.empty()) {
      error(findings, "--set", "", fmt::format("{} is not KEY=VALUE", quote(set)), "--set http.address=0.0.0.0:3002");
      continue;
    }
    Raw raw{.where = "--set"};
    std::string problem;
    if (raw_of_text(path, std::string_view(set).substr(equals + 1), raw, problem)) {
      put(root, path, std::move(raw));
    } else {
      error(findings, "--set", path, problem, "Lists and tables are JSON: --set 'http.allowed_origins=[\"…\"]'");
    }
  }
}

/// Walks the tree along the table of keys.
class Applier {
 public:
  explicit Applier(Loaded& loaded) : loaded_(loaded) {}

  void section(const Raw& raw, const std::string& path, const std::string& shown, std::size_t index) {
    for (const auto& [name, member] : *raw.table()) {
      std::string inner = path.empty() ? name : path + "." + name;
      std::string inner_shown = shown.empty() ? name : shown + "." + name;
      one(member, inner, inner_shown, index);
    }
  }

 private:
  void one(const Raw& raw, const std::string& path, const std::string& shown, std::size_t index) {
    if (const ArrayRow* array = find_array(path)) {
      tables(raw, *array);
    } else if (const Row* row = find_row(path)) {
      auto problem = assign(*row, row->at(loaded_.config, index), raw);
      if (problem.empty()) {
        loaded_.origins[shown] = raw.where;
        loaded_.folders[shown] = raw.folder;
      } else {
        error(loaded_.findings, raw.where, shown, problem, std::string(row->help));
      }
    } else if (is_section(path)) {
      if (raw.table() != nullptr) {
        section(raw, path, shown, index);
      } else {
        error(loaded_.findings, raw.where, shown, "is a table, not a value", fmt::format("Write [{}]", path));
      }
    } else {
      unknown(raw, path, shown);
    }
  }
  void tables(const Raw& raw, const ArrayRow& array) {
    const Raw::List* list = raw.list();
    bool all_tables = list != nullptr;
    for (std::size_t i = 0; all_tables && i < list->size(); ++i) all_tables = (*list)[i].table() != nullptr;
    if (!all_tables || list->size() > 1000) {
      error(loaded_.findings, raw.where, std::string(array.path), "is a list of tables",
            fmt::format("Write [[{}]] before each.", array.path));
      return;
    }
    array.resize(loaded_.config, list->size());
    loaded_.origins[std::string(array.path)] = raw.where;
    for (std::size_t i = 0; i < list->size(); ++i) {
      std::string shown = fmt::format("{}[{}]", array.path, i);
      section((*list)[i], std::string(array.path), shown, i);
      require((*list)[i], array, shown);
    }
  }
  void require(const Raw& table, const ArrayRow& array, const std::string& shown) {
    for (const Row& row : rows()) {
      if (!row.required || array_of(row.path) != &array) continue;
      std::string_view name = row.path.substr(array.path.size() + 1);
      bool there = std::any_of(table.table()->begin(), table.table()->end(),
                               [&](const auto& member) { return member.first == name; });
      if (!there)
        error(loaded_.findings, table.where, fmt::format("{}.{}", shown, name), "is missing", std::string(row.help));
    }
  }
  void unknown(const Raw& raw, const std::string& path, const std::string& shown) {
    std::string_view nearest = nearest_path(path);
    error(loaded_.findings, raw.where, shown, "unknown key",
          nearest.empty() ? "gatecast config default lists every key." : fmt::format("Did you mean {}?", nearest));
  }

  Loaded& loaded_;
};

Raw dev_defaults() {
  Raw root;
  auto text = [](std::string v) { return Raw{.value = std::move(v), .where = "--dev"}; };
  auto yes = Raw{.value = true, .where = "--dev"};
  put(root, "pages.enabled", Raw(yes));
  put(root, "signin.solana.enabled", Raw(yes));
  Raw::List chains;
  for (const char* prefix : {"", "solana:"}) {
    for (const char* chain : {"mainnet", "testnet", "devnet", "localnet"})
      chains.push_back(text(std::string(prefix) + chain));
  }
  put(root, "signin.solana.chains", Raw{.value = std::move(chains), .where = "--dev"});
  Raw::List namespaces;
  for (const char* name : {"", "chat"}) {
    Raw table{.where = "--dev"};
    put(table, "name", text(name));
    put(table, "allow_subscribe_for_client", Raw(yes));
    put(table, "allow_publish_for_client", Raw(yes));
    // What was missed comes again, so that it can be tried.
    put(table, "allow_history_for_client", Raw(yes));
    put(table, "history_size", Raw{.value = std::int64_t{100}, .where = "--dev"});
    put(table, "history_ttl", text("10m"));
    put(table, "force_recovery", Raw(yes));
    namespaces.push_back(std::move(table));
  }
  put(root, "namespace", Raw{.value = std::move(namespaces), .where = "--dev"});
  return root;
}

}  // namespace

bool ApiKey::allows(std::string_view scope) const {
  return std::any_of(scopes.begin(), scopes.end(), [&](const auto& s) { return s == scope || s == "all"; });
}

bool Loaded::ok() const { return errors() == 0; }
std::size_t Loaded::errors() const {
  return static_cast<std::size_t>(std::ranges::count(findings, Finding::Level::error, &Finding::level));
}
std::size_t Loaded::warnings() const {
  return static_cast<std::size_t>(std::ranges::count(findings, Finding::Level::warning, &Finding::level));
}

Loaded load(const LoadOptions& options) {
  Loaded loaded;
  loaded.config.dev = options.dev;
  loaded.options = options;
  Raw root;
  if (options.dev) root = dev_defaults();
  FileReader reader(root, loaded.findings);
  if (options.text) {
    reader.read_text(*options.text, options.file.empty() ? "gatecast.toml" : options.file);
  } else if (!options.file.empty()) {
    reader.read(options.file, "--config");
  }
  bool file_read = loaded.findings.empty();
  read_environment(options, root, loaded.findings);
  read_sets(options, root, loaded.findings);
  read_app_env(options, root, loaded);
  Applier(loaded).section(root, "", "", 0);
  // Without the file nearly everything would seem to be missing: its own error is the one to mend first.
  if (file_read) complete(loaded, options);
  return loaded;
}

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    auto equals = text.find('=');
    if (equals != std::string_view::npos) out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace gatecast::server
