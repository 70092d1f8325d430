// The readers of rows that every store shares (store/columns.hpp), on this one's rows.
//
// Place: inside adapters/postgres. Tables are always named with their schema: no search path is relied on.
#pragma once

#include "adapters/postgres/rows.hpp"
#include "store/columns.hpp"

namespace gatecast::postgres {

using store::audit_from;
using store::control_from;
using store::grant_from;
using store::identity_from;
using store::kIdentityColumnCount;
using store::kSessionColumnCount;
using store::kUserColumnCount;
using store::kViewColumnCount;
using store::reason_from;
using store::session_from;
using store::user_from;
using store::view_from;

/// Tables of GATECAST_VIEW_COLUMNS, to be followed by WHERE.
#define GATECAST_PG_VIEW_TABLES                                    \
  " gatecast.sessions s JOIN gatecast.users u ON u.id = s.user_id" \
  " LEFT JOIN gatecast.identities i ON i.user_id = s.user_id AND i.id = s.identity_id"

}  // namespace gatecast::postgres
