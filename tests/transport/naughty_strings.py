"""Strings that break programs which trust text; in the spirit of the big list of naughty ones."""
# ruff: noqa: RUF001 - look-alikes are the point

NAUGHTY: tuple[str, ...] = (
    # What other languages take for nothing, truth or a number.
    *("", " ", "null", "NULL", "nil", "None", "undefined", "NaN", "Infinity", "-Infinity"),
    *("true", "FALSE", "0", "-0", "1/0", "00", "1e1000", "0x7fffffff", "2147483648"),
    *("9223372036854775808", "123456789012345678901234567890", "1,000.00", "١٢٣", "½", "１２３"),
    # White space and invisible characters.
    *("\t", "\r\n", "\v\f", "\x85", "\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u3000"),
    *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "a\u200bb"),
    # Control characters, terminal sequences and forged log lines.
    *("\0", "a\0b", "\x01\x02\x03", "\x07", "\b\b\b", "\x1b[2J", "\x1b]0;title\x07", "\x7f"),
    *("ok\r\nlevel=error event=forged", '\n{"level":"info","event":"login"}', "a\rb", "\x9b31m"),
    # Direction and letters on letters.
    *("\u202egnp.exe", "\u2066a\u2069", "\u061c", "שלום", "مرحبا بالعالم", "\u200frtl\u200e"),
    *(
        "Z\u0310\u0303\u0489a\u0334\u0311l\u0336g\u0337o",
        "e\u0301",
        "\u00e9",
        "\u0344",
        "\u1e9b\u0323",
    ),
    # Case and look-alikes.
    *("İ", "ı", "ß", "ẞ", "ſ", "\u212a", "ﬁ", "Σσς", "ａｄｍｉｎ", "аdmin", "admіn", "αdmin"),
    # Outside of the basic plane, and the edges of Unicode.
    *("😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇦🇶", "👋🏿", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𠜎𠜱𠝹", "\U0010ffff", "\ufffd", "\ufffe"),
    *("\uffff", "\ue000", "田中さんにあげて下さい", "부처", "ไทย", "ཀ", "\u0d15\u0d4d\u200d"),
    # Into SQL, Redis, Lua, JSON, templates, shells, paths, LDAP, markup and printf.
    *("' OR '1'='1", "'; DROP TABLE accounts;--", '" OR ""="', "1;SELECT pg_sleep(9)", "%", "_%_"),
    *("*", "?[a-z]", "{a}", "{}{}", "s{00}x", "$6\r\nFLUSHALL\r\n", "\r\n*1\r\n$8\r\nSHUTDOWN\r\n"),
    *("redis.call('flushall')", '{"a":1}', "[]", '"', "\\", "\\u0000", '\\"', "}}]]", "'"),
    *(
        "{{7*7}}",
        "${7*7}",
        "#{7*7}",
        "${jndi:ldap://127.0.0.1/a}",
        "%s%n%x",
        "%00",
        "{0.__class__}",
    ),
    *("$(reboot)", "`reboot`", "; reboot", "| reboot", "&& reboot", "-rf", "--help", "@file"),
    *("../../../../etc/passwd", "..\\..\\boot.ini", "/dev/null", "file:///etc/passwd", "CON", "."),
    *("*)(uid=*))(|(uid=*", "<script>alert(1)</script>", "<!ENTITY x SYSTEM 'file:///'>", "]]>"),
    *("=1+1", "javascript:alert(1)", "http://127.0.0.1:1/", "a@b@c", "@", "a" * 300 + "@x.test"),
    # Names that mean something here or in Python.
    *("__class__", "__proto__", "constructor", "public", "dev", "authsvc.admin", "acc_", "svc_"),
    *("asr_", "ask_", "eyJhbGciOiJub25lIn0.e30.", "Bearer x", "acc_" + "0" * 31 + "g"),
)
