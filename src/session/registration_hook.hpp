// Asks the application whether an identity that is not known here may become an account (signin.register = "ask").
//
// Place: under Sessions, over outbound; asked between two tries of the store's sign-in, so nothing is consumed where it
// refuses. Request: POST of {kind:"registration", identity:{kind, subject, profile}, ref_code?, ip}, signed
// (hook_signature.hpp). Answer: 200 with {allow:true, user?:{id, nickname, avatar, isCreator, isVerified, claims}};
// whatever else is said is a refusal. Threads: the awaiting loop's. Bounds: 2 s, a reply of 64 KB.
// Errors: registration_refused; temporarily_unavailable where the hook does not answer, or not with 200.
#pragma once

#include <string>

#include "core/secret.hpp"
#include "core/task.hpp"
#include "outbound/outbound.hpp"
#include "store/rows.hpp"

namespace gatecast::session {

struct RegistrationHook {
  std::string url{};
  Secret secret{};
};

struct Newcomer {
  std::string kind, subject, profile, ref_code, ip;
};

/// What the answer makes of `user`, which holds what the account would be without it.
Task<Result<store::UserRow>> ask_hook(const RegistrationHook& hook, outbound::Outbound& outbound, Newcomer newcomer,
                                      store::UserRow user, WallTime now);

/// The same from the answer's body. Errors: registration_refused; temporarily_unavailable where it is no answer of a
/// hook, or would make a user that cannot be.
Result<store::UserRow> read_hook_answer(std::string_view body, store::UserRow user);

}  // namespace gatecast::session
