// Which bytes may stand in a text that is signed.
//
// Place: the first check of sign-in messages, whose text a person reads before signing, and of Telegram's data. Pure;
// any thread; one pass.
#pragma once

#include <string_view>

namespace gatecast::identity {

/// Whether `text` is UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) and every character is
/// shown as itself: no control characters but LF, and none of U+0085, U+2028, U+2029, which some wallets show as the
/// end of a line where a parser sees none.
bool is_plain_text(std::string_view text);

/// Whether `text` is UTF-8 without C0 control characters: what can stand on one line of a text that machines sign.
bool is_line_text(std::string_view text);

/// Whether every character is visible ASCII (0x21 to 0x7E). True of an empty text.
bool is_visible_ascii(std::string_view text);

}  // namespace gatecast::identity
