#include "server/config/app_env.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "server/config/value.hpp"
#include "token/key.hpp"

namespace gatecast::server {
namespace {

constexpr std::size_t kFileBytesMax = 256 * 1024;

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
                              std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// Lines one by one, and on into the next ones where a value in quotes goes on there.
class EnvReader {
 public:
  explicit EnvReader(std::string_view text) : rest_(text) {}

  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    const auto end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    return true;
  }
  std::size_t line() const { return line_; }

  /// What stands in quotes from `text` on; false where they are never closed.
  bool quoted(std::string_view text, char quote, std::string& out) {
    while (true) {
      const auto end = text.find(quote);
      out += text.substr(0, end);
      if (end != std::string_view::npos) return true;
      out += '\n';
      if (!next(text)) return false;
    }
  }

 private:
  std::string_view rest_;
  std::size_t line_ = 0;
};

/// `\n` and `\r` of a value in double quotes.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r');
    out += escape ? (text[++i] == 'n' ? '\n' : '\r') : text[i];
  }
  return out;
}

/// A variable as it was found, and where.
struct Found {
  std::string_view name;
  std::string where{};
  Secret value{};
  bool quoted = false;
};

class AppEnv {
 public:
  AppEnv(const LoadOptions& options, Raw& root, Loaded& loaded)
      : options_(options), root_(root), loaded_(loaded), findings_(loaded.findings) {}

  void read() {
    read_file();
    take_token_secret();
    take_bot();
    take_database();
    take_redis();
  }

 private:
  void add(Finding::Level level, std::string where, std::string key, std::string text, std::string cure) {
    findings_.push_back({level, std::move(where), std::move(key), std::move(text), std::move(cure)});
  }
  void error(std::string where, std::string key, std::string text, std::string cure) {
    add(Finding::Level::error, std::move(where), std::move(key), std::move(text), std::move(cure));
  }

  void read_file() {
    Raw* compat = root_.find("compat");
    Raw* file = compat != nullptr ? compat->find("env_file") : nullptr;
    if (file == nullptr || file->text() == nullptr || file->text()->empty()) return;
    file_name_ = (std::filesystem::path(file->folder) / *file->text()).lexically_normal().string();
    std::error_code ec;
    std::ifstream in(file_name_, std::ios::binary);
    const bool plain = std::filesystem::is_regular_file(file_name_, ec);
    std::ostringstream text;
    if (!plain || !in || !(text << in.rdbuf() || in.peek() == EOF) || text.view().size() > kFileBytesMax) {
      error(file->where, "compat.env_file", fmt::format("{} cannot be read, or is larger than 256 KB", file_name_),
            "Check path and mode; a relative path starts at the file that names it.");
      return;
    }
    file_values_ = read_env_text(text.view(), file_name_, findings_);
  }

  /// An empty one counts as absent, as applications have it.
  std::optional<Found> find(std::string_view name) {
    for (const auto& [key, value] : options_.environment) {
      if (key == name && !value.empty()) return Found{name, fmt::format("environment {}", name), Secret(value)};
    }
    const auto at = file_values_.find(name);
    if (at == file_values_.end() || at->second.value.empty()) return std::nullopt;
    return Found{name, fmt::format("{}:{} {}", file_name_, at->second.line, name), Secret(at->second.value),
                 at->second.quoted};
  }

  std::optional<Found> find_secret(std::string_view name) {
    auto found = find(name);
    if (found && found->quoted) {
      add(Finding::Level::warning, found->where, "",
          fmt::format("the quotes around {} are syntax of the file and were removed", name),
          "docker --env-file and systemd's EnvironmentFile may keep them: compare the fingerprint with the "
          "application's key.");
    }
    return found;
  }

  void take_token_secret() {
    const auto one = find_secret("NEXTAUTH_SECRET");
    const auto two = find_secret("JWT_SECRET");
    if (!one && !two) {
      loaded_.app_key_looked =
          fmt::format("NEXTAUTH_SECRET and JWT_SECRET are set neither in the environment nor in {}",
                      file_name_.empty() ? "a file (compat.env_file)" : file_name_);
      return;
    }
    const auto print = [](const Found& f) { return token::fingerprint(f.value.expose()); };
    if (one && two && print(*one) != print(*two)) {
      error(one->where, "token.key",
            fmt::format("differs from {}: fingerprints {} and {}", two->where, print(*one), print(*two)),
            "The application signs with one of them: make both the same, or remove the one it does not use.");
      return;
    }
    const Found& found = one ? *one : *two;
    Raw key{.where = found.where};
    put(key, "algorithm", Raw{.value = std::string("HS256"), .where = found.where});
    put(key, "secret", Raw{.value = std::string(found.value.expose()), .where = found.where});
    Raw* token = root_.find("token");
    if (token == nullptr || token->find("key") == nullptr) {
      put(root_, "token.key", Raw{.value = Raw::List{std::move(key)}, .where = found.where});
      return;
    }
    // The keys of the configuration count; that the application has one of them is judged once they are read.
    loaded_.app_key = {found.where, print(found)};
  }

  void take_bot() {
    const auto found = find_secret("TELEGRAM_BOT_TOKEN");
    Raw* signin = root_.find("signin");
    Raw* telegram = signin != nullptr ? signin->find("telegram") : nullptr;
    if (!found || (telegram != nullptr && telegram->find("bot") != nullptr)) return;
    const std::string_view text = found->value.expose();
    const std::string_view id = text.substr(0, text.find(':'));
    const bool digits = !id.empty() && id.size() <= 15 && id.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits || id.size() + 1 >= text.size()) {
      error(found->where, "signin.telegram.bot", "is not a bot's token: digits, a colon, and the secret",
            "Copy it from BotFather as it stands, without quotes and blanks.");
      return;
    }
    Raw bot{.where = found->where};
    put(bot, "id", Raw{.value = std::string(id), .where = found->where, .from_text = true});
    put(bot, "token", Raw{.value = std::string(text), .where = found->where});
    put(root_, "signin.telegram.bot", Raw{.value = Raw::List{std::move(bot)}, .where = found->where});
  }

  void take_database() {
    const auto found = find("DATABASE_URL");
    Raw* store = root_.find("store");
    if (!found || (store != nullptr && store->find("url") != nullptr)) return;
    // A URL may hold a password: only its scheme is ever shown.
    const std::string_view url = found->value.expose();
    const std::string_view scheme = url.substr(0, std::min<std::size_t>(url.find(':'), 20));
    if (scheme == "sqlite" || scheme == "postgresql" || scheme == "postgres") {
      put(root_, "store.url", Raw{.value = std::string(url), .where = found->where});
      return;
    }
    const bool quoted = !url.empty() && (url[0] == '"' || url[0] == '\'');
    error(found->where, "store.url",
          quoted ? "begins with a quote, which is syntax of the file it came from"
                 : fmt::format("{} is not a database this version keeps sessions in", quote(scheme)),
          "Say where the server keeps its own: [store] url = \"sqlite:gatecast.db\"; the variable then stays the "
          "application's.");
  }

  /// Its form is judged with that of any broker.url.
  void take_redis() {
    const auto found = find("REDIS_URL");
    Raw* broker = root_.find("broker");
    if (!found || (broker != nullptr && broker->find("url") != nullptr)) return;
    put(root_, "broker.url", Raw{.value = std::string(found->value.expose()), .where = found->where});
  }

  const LoadOptions& options_;
  Raw& root_;
  Loaded& loaded_;
  std::vector<Finding>& findings_;
  std::string file_name_{};
  std::map<std::string, EnvValue, std::less<>> file_values_{};
};

}  // namespace

std::map<std::string, EnvValue, std::less<>> read_env_text(std::string_view text, const std::string& name,
                                                           std::vector<Finding>& findings) {
  std::map<std::string, EnvValue, std::less<>> out;
  EnvReader reader(text.substr(text.starts_with("\xef\xbb\xbf") ? 3 : 0));
  for (std::string_view line; reader.next(line);) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t at = reader.line();
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    const auto equals = line.find('=');
    const std::string_view variable = trimmed(line.substr(0, equals));
    if (equals == std::string_view::npos || !is_name(variable)) {
      findings.push_back({Finding::Level::warning, fmt::format("{}:{}", name, at), "", "is not NAME=value",
                          "Correct the line or begin it with #."});
      continue;
    }
    std::string_view rest = trimmed(line.substr(equals + 1));
    EnvValue value{.value = {}, .line = at};
    if (!rest.empty() && (rest[0] == '"' || rest[0] == '\'' || rest[0] == '`')) {
      value.quoted = true;
      if (!reader.quoted(rest.substr(1), rest[0], value.value)) {
        findings.push_back({Finding::Level::error, fmt::format("{}:{}", name, at), "",
                            "has a quote that is never closed", "Close it."});
        return out;
      }
      if (rest[0] == '"') value.value = unescaped(value.value);
    } else {
      value.value = trimmed(rest.substr(0, rest.find('#')));
    }
    out.insert_or_assign(std::string(variable), std::move(value));
  }
  return out;
}

void read_app_env(const LoadOptions& options, Raw& root, Loaded& loaded) {
  Raw* compat = root.find("compat");
  const Raw* on = compat != nullptr ? compat->find("read_app_env") : nullptr;
  if (on == nullptr) return;
  const bool* set = std::get_if<bool>(&on->value);
  const bool by_text = on->from_text && on->text() != nullptr && *on->text() == "true";
  if ((set != nullptr && *set) || by_text) AppEnv(options, root, loaded).read();
}

}  // namespace gatecast::server
