"""The names of accounts: which are one, which look alike, and which nobody may choose.

An account has a user name and maybe an e-mail address; either may be typed at a login. The
contract lets in ASCII alone: user names of letters, digits, `.`, `_` and `-`, addresses as HTML 5
has them, with international domains in their A-label form (`xn--…`). So two names are one if and
only if they differ in nothing but the case of ASCII letters. Nothing else is folded or composed (no
NFKC, no IDNA mapping, no plus-tags or dots of an address): what is not spelled so is another name,
which no account has (CVE-2019-19844). A user name holds no `@`, so that it is nobody's address.
"""

import string

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "m": "rn", "w": "vv"})

_RESERVED = (
    *("abuse", "admin", "administrator", "anonymous", "authsvc", "daemon", "guest", "help"),
    *("helpdesk", "hostmaster", "info", "mailer-daemon", "marketing", "moderator", "nobody"),
    *("no-reply", "noc", "noreply", "null", "operator", "postmaster", "root", "sales", "security"),
    *("staff", "superuser", "support", "sysadmin", "sysop", "system", "undefined", "webmaster"),
    *("www",),
)
"""Mailboxes of RFC 2142, and names that lend authority or mean that there is no name."""


def canonical(name: str) -> str:
    """Give the one spelling of a user name, an address, or whatever is typed for one.

    Two names are the same account's, and share a throttle, if and only if this is the same.
    """
    return name.translate(_LOWER)


def is_address(name: str) -> bool:
    """Say whether what is typed at a login is meant for an e-mail address."""
    return "@" in name


def skeleton(username: str) -> str:
    """Give what a user name looks like; names that can be taken for each other have one skeleton.

    After UTS 39, 4: `0` is an `o`; `1`, `i` (as a capital) and `l` are one letter; `m` is `rn` and
    `w` is `vv`. At most twice as long as the name.
    """
    return canonical(username).translate(_LOOKS)


def is_reserved(username: str) -> bool:
    """Say whether a user name is, or looks like, one that nobody may choose for themselves."""
    return skeleton(username) in _RESERVED_SKELETONS


_RESERVED_SKELETONS = frozenset(map(skeleton, _RESERVED))
