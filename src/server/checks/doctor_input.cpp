#include "server/checks/doctor_input.hpp"

#include "server/config/keys.hpp"
#include "token/key_file.hpp"
#include "token/key_folder.hpp"

namespace gatecast::server {
namespace {

void add_secret(token::DoctorInput& input, std::string name, Secret text, const std::string& encoding) {
  if (text.empty()) return;
  const auto known = token::secret_encoding_from_name(encoding).value_or(token::SecretEncoding::text);
  input.secrets.push_back({std::move(name), std::move(text), known});
}

}  // namespace

token::DoctorInput make_doctor_input(const Config& config, WallTime now) {
  token::DoctorInput input;
  input.issuer = config.token.issuer;
  input.audience = config.token.audience;
  for (const auto& trusted : config.token.trusted) {
    if (auto issuer = make_trusted_issuer(config, trusted)) input.trusted.push_back(*std::move(issuer));
    add_secret(input, "the secret of " + trusted.name, trusted.secret, trusted.secret_encoding);
  }
  if (!config.token.key_dir.empty()) {
    if (const auto folder = token::KeyFolder::open(config.token.key_dir)) input.retired = folder->former(now);
  }
  for (std::size_t i = 0; i < config.token.keys.size(); ++i) {
    const auto& key = config.token.keys[i];
    const auto algorithm = token::algorithm_from_name(key.algorithm);
    if (!algorithm || !token::symmetric(*algorithm)) continue;
    Secret text = key.file.empty() ? key.secret : token::read_private_file(key.file).value_or(Secret());
    // The newline that editors leave at a file's end is no part of the secret.
    if (!key.file.empty() && text.expose().ends_with('\n')) {
      text = Secret(std::string(text.expose().substr(0, text.size() - 1)));
    }
    add_secret(input, fmt::format("token.key[{}]", i), std::move(text), key.secret_encoding);
  }
  return input;
}

}  // namespace gatecast::server
