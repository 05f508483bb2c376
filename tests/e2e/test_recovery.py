"""The lines of docs/recovery.md do what the page says, pasted as they are."""

from pathlib import Path

import pytest

from tests.e2e.pasting import lines, need_grpcurl, paste, up

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("readme")]


def test_the_lines_verify_an_address_and_reset_a_password(tmp_path: Path) -> None:
    need_grpcurl()
    with up(tmp_path) as address:
        started, verified, asked, reset, again, errors = paste(lines("docs/recovery.md"), address)

    assert started == asked == again == ""
    assert '"emailVerified": true' in verified
    assert '"revision"' in reset
    assert '"accessToken"' in reset
    assert errors.count("Code: Unauthenticated") == 1
    assert "INVALID_CODE" in errors
