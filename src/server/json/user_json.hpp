// A user as the server API shows it, and as it takes one: the form of import and export, so that either reads the
// other.
//
//   {id, nickname?, avatar?, isCreator?, isVerified?, ref_code?, referrer?, claims?, blocked?, identities?:[{kind,
//   subject}]}
//
// Pure; any thread. Errors: field_missing, field_invalid with the member's name in the detail; a member of another name
// is one.
#pragma once

#include "server/json/json_in.hpp"
#include "server/json/json_out.hpp"
#include "store/store.hpp"

namespace gatecast::server {

struct UserIn {
  store::UserChange change;
  std::optional<bool> blocked{};
};

Result<UserIn> user_in(std::string_view json);
/// The form above.
JsonOut user_out(const store::UserView& view);
/// The same with what no import takes: ids and profiles of identities, times.
JsonOut user_view_out(const store::UserView& view);

}  // namespace gatecast::server
