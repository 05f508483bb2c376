"""P-OBS-1: secrets leave no trace, and each security event leaves one."""

import base64
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    CreateAccountRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    EnableAccountRequest,
    UpdateAccountRequest,
)
from authn.v1.auth_service_pb2 import (
    CompleteMfaRequest,
    CompletePasswordResetRequest,
    CompleteVerificationRequest,
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
    RegisterRequest,
    StartPasswordResetRequest,
    StartVerificationRequest,
)
from authn.v1.factor_service_pb2 import ResetFactorsRequest
from authn.v1.key_service_pb2 import ListKeysRequest, RevokeKeyRequest, RotateKeyRequest
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest, RevokeSessionRequest
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import (
    ExplainTokenRequest,
    GetJwksRequest,
    IntrospectTokenRequest,
    RevokeTokenRequest,
    VerifyTokenRequest,
    VerifyTokensRequest,
)

from tests.promises.phone import challenge, enrol
from tests.promises.phone import complete as answer
from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import Server, valkey
from tests.transport.calls import by_key, issue_api_key, path_of
from tests.transport.logged import Log, logged


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that was secret in a story, and all that it left behind."""

    canaries: dict[str, str]
    log: Log
    metrics: bytes
    errors: list[bytes]
    files: dict[str, bytes]
    redis: list[bytes]


def spellings(secret: str) -> Iterator[bytes]:
    """A secret as it is, and the forms in which it is easily written by accident."""
    raw = secret.encode()
    yield raw
    yield repr(secret)[1:-1].encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")
    yield raw.hex().encode()


class Teller:
    """Makes calls and keeps what failed ones say."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.errors: list[bytes] = []

    def fails(self, method: object, request: object, *metadata: tuple[str, str]) -> None:
        with pytest.raises(grpc.RpcError) as caught:
            method(request, metadata=metadata)  # type: ignore[operator]
        error = caught.value
        trailers = [part for entry in error.trailing_metadata() for part in entry]
        texts = (error.details(), str(error.code()), error.debug_error_string(), *trailers)
        self.errors += [t if isinstance(t, bytes) else str(t).encode() for t in texts]


@pytest.fixture(name="story", scope="session")
def _story(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Story:
    data = Path(tmp_path_factory.mktemp("canaries"))
    with valkey() as server, logged("debug") as log:
        return tell(data, server, log)


def tell(data: Path, server: Server, log: Log) -> Story:
    master_key = base64.b64encode(secrets.token_bytes(32)).decode()
    pepper = base64.b64encode(secrets.token_bytes(32)).decode()
    settings = {"master_key": master_key, "log_level": "debug", "password_peppers": f"k1:{pepper}"}
    mark = secrets.token_hex(6)
    canaries = {
        "master key": master_key,
        "pepper": pepper,
        "password": f"canary one {mark}é",
        "new password": f"canary two {mark}",
        "wrong password": f"canary three {mark}",
        "refused password": f"cnr {mark}"[:14],
        "forged token": f"eyJhbGciOiJub25lIn0.canary{mark}.AAAA",
        "odd token": f"canary-four-{mark}",
        "odd refresh token": f"asr_canary{mark}",
    }
    with running(data=data, redis_url=server.url, **settings) as service:
        teller = Teller(service)
        auth, account, token = service.auth, service.account, service.token
        password, new = canaries["password"], canaries["new password"]
        api_key, _ = issue_api_key(service, "authsvc.tokens.introspect")
        canaries["API key"] = api_key
        canaries["wrong API key"] = api_key[:-2] + "AA"

        first = service.register(username="canary", email="canary@x.test", password=password).tokens
        second = auth.Login(LoginRequest(identifier="canary", password=password)).tokens
        third = auth.Refresh(RefreshRequest(refresh_token=second.refresh_token)).tokens
        change = ChangePasswordRequest(current_password=password, new_password=new)
        fourth = account.ChangePassword(change, metadata=bearer(third.access_token)).tokens
        for name, tokens in (("1st", first), ("2nd", second), ("3rd", third), ("4th", fourth)):
            canaries[f"{name} access token"] = tokens.access_token
            canaries[f"{name} signature"] = tokens.access_token.rpartition(".")[2]
            canaries[f"{name} refresh token"] = tokens.refresh_token
            canaries[f"{name} end of refresh token"] = tokens.refresh_token[-43:]

        owner = enrol(service)
        challenged, wrong_code = challenge(service, owner), "-".join(["0000"] * 6)
        teller.fails(
            auth.CompleteMfa,
            CompleteMfaRequest(challenge_token=challenged, recovery_code=wrong_code),
        )
        teller.fails(
            auth.CompleteMfa,
            CompleteMfaRequest(challenge_token=challenged + "?", recovery_code=wrong_code),
        )
        fifth = answer(service, challenged, recovery_code=owner.recovery_codes[0])
        canaries |= {
            "TOTP secret": owner.secret,
            "used recovery code": owner.recovery_codes[0],
            "recovery code": owner.recovery_codes[1],
            "recovery code without hyphens": owner.recovery_codes[2].replace("-", ""),
            "challenge token": challenged,
            "5th access token": fifth.access_token,
        }
        resets = ask_for_codes(service, fourth, canaries)

        wrong, refused = canaries["wrong password"], canaries["refused password"]
        forged, odd = canaries["forged token"], canaries["odd token"]
        teller.fails(auth.Login, LoginRequest(identifier="canary", password=wrong))
        teller.fails(auth.Login, LoginRequest(identifier="", password=wrong))
        teller.fails(auth.Login, LoginRequest(identifier="a" * 400, password=wrong))
        teller.fails(auth.Register, RegisterRequest(username="-", password=wrong))
        teller.fails(auth.Register, RegisterRequest(username="b", password=refused))
        change = ChangePasswordRequest(current_password=wrong, new_password=new)
        teller.fails(account.ChangePassword, change, *bearer(fourth.access_token))
        teller.fails(account.ChangePassword, change, *bearer(odd))
        teller.fails(account.ChangePassword, change, ("authorization", odd))
        for bad in (forged, odd, third.access_token):
            teller.fails(token.VerifyToken, VerifyTokenRequest(access_token=bad))
            token.ExplainToken(ExplainTokenRequest(access_token=bad))
            token.IntrospectToken(IntrospectTokenRequest(token=bad), metadata=by_key(api_key))
        for bad in (odd, canaries["odd refresh token"], second.refresh_token):
            teller.fails(auth.Refresh, RefreshRequest(refresh_token=bad))
        key_header = ("x-authsvc-api-key", canaries["wrong API key"])
        teller.fails(token.GetJwks, GetJwksRequest(), key_header)
        teller.fails(token.GetJwks, GetJwksRequest(), key_header, key_header)
        twice = bearer(fourth.access_token) * 2
        teller.fails(account.ChangePassword, change, *twice)
        raw = service.channel.unary_unary(path_of("Login"))
        teller.fails(raw, b"\x12\x20" + wrong.encode() + b"\xff\xfe" * 20)
        for code in (*resets, odd):
            for email in ("canary@x.test", "nobody@x.test"):
                teller.fails(
                    auth.CompletePasswordReset,
                    CompletePasswordResetRequest(email=email, code=code, new_password=wrong),
                )
        token.VerifyTokens(VerifyTokensRequest(access_tokens=[forged, odd, fourth.access_token]))
        token.RevokeToken(RevokeTokenRequest(token=fourth.access_token))
        auth.Logout(LogoutRequest(refresh_token=fourth.refresh_token))

        metrics, _ = service.app.http._metrics()
        files = contents(data) | contents(server.directory)
        with server.client() as client:
            kept = [part for key in client.scan_iter() for part in (key, client.dump(key))]
    return Story(
        canaries=canaries,
        log=log,
        metrics=metrics,
        errors=teller.errors,
        files=files | {f"{name} after": content for name, content in contents(data).items()},
        redis=kept,
    )


def ask_for_codes(service: Service, tokens: TokenSet, canaries: dict[str, str]) -> list[str]:
    """Use a code, void another, and leave one and a decoy where they are; give what is no good."""
    auth, email = service.auth, "canary@x.test"
    me = service.token.VerifyToken(VerifyTokenRequest(access_token=tokens.access_token)).claims
    start = StartVerificationRequest(account_id=me.subject, email=email)
    digits = auth.StartVerification(start).code
    auth.CompleteVerification(CompleteVerificationRequest(account_id=me.subject, code=digits))
    reset = StartPasswordResetRequest(email=email, format="CODE_FORMAT_LINK")
    void = auth.StartPasswordReset(reset).code
    link = auth.StartPasswordReset(reset).code
    decoy = auth.StartPasswordReset(StartPasswordResetRequest(email="nobody@x.test")).code
    canaries |= {"digits": digits, "void link": void, "link": link, "decoy": decoy}
    return [void, digits, decoy]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def assert_clean(story: Story, where: str, content: bytes) -> None:
    for name, secret in story.canaries.items():
        for spelling in spellings(secret):
            assert spelling not in content, f"the {name} is in {where}"


def test_p_obs_1_no_secret_is_in_the_log(story: Story) -> None:
    assert len(story.log.lines) > 8
    assert_clean(story, "the log", story.log.text.encode())


def test_p_obs_1_no_secret_is_in_the_metrics(story: Story) -> None:
    assert b"authsvc_rpcs" in story.metrics
    assert_clean(story, "the metrics", story.metrics)


def test_p_obs_1_no_secret_is_in_an_error(story: Story) -> None:
    assert len(story.errors) > 50
    assert_clean(story, "an error", b"\n".join(story.errors))


def test_p_ref_8_no_secret_is_in_sql(story: Story) -> None:
    databases = [name for name in story.files if "authsvc.db" in name]
    assert any("-wal" in name for name in databases)
    assert any(b"canary@x.test" in story.files[name] for name in databases)
    for name in databases:
        assert_clean(story, name, story.files[name])


def test_p_ref_8_no_secret_is_in_redis(story: Story) -> None:
    assert story.redis
    assert_clean(story, "Redis", b"\n".join(story.redis))
    logs = [name for name in story.files if "appendonly" in name]
    assert logs
    for name in logs:
        assert_clean(story, name, story.files[name])


def test_a_canary_would_be_found(story: Story) -> None:
    with pytest.raises(AssertionError, match="the new password is in a place"):
        assert_clean(story, "a place", f"x{story.canaries['new password']}y".encode())


def test_p_obs_1_each_security_event_is_logged_once_with_all_that_it_needs(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service, logged() as log:
        began = datetime.now(UTC)
        expected = live_through(service)
        ended = datetime.now(UTC)
    events = [line for line in log.lines if line.get("component") == "authsvc.events"]

    found = [
        (line["event"], line["outcome"], line["subject"], line["actor"], line["reason"])
        for line in events
    ]
    assert found == expected
    for number, line in enumerate(events):
        assert line["peer"] == "127.0.0.1"
        assert line["time"].endswith("Z")
        time = datetime.fromisoformat(line["time"])
        assert began - timedelta(seconds=1) <= time <= ended
        assert re.fullmatch(r"[0-9a-f]{16}|story-\d+", line["correlation_id"]), number
    assert events[0]["correlation_id"] == "story-1"
    assert events[0]["correlation_id"] == events[1]["correlation_id"]
    made = [line["correlation_id"] for line in events[2:]]
    assert len(set(made)) == len(made) - 2  # Flo's registration and her login give two each


def live_through(service: Service) -> list[tuple[str, str, str, str, str]]:
    """Do everything once, and say which events that must give."""
    auth, account, session, key = service.auth, service.account, service.session, service.key
    events: list[tuple[str, str, str, str, str]] = []

    def expect(
        event: str, subject: str, actor: str = "dev", failed: str = "", note: str = ""
    ) -> None:
        events.append((event, "failure" if failed else "success", subject, actor, failed or note))

    new = RegisterRequest(username="eve", email="eve@x.test", password=PASSWORD)
    registered = auth.Register(new, metadata=(("x-correlation-id", "story-1"),))
    eve, tokens = registered.account.account_id, registered.tokens
    expect("account.created", eve)
    expect("login", eve)

    for identifier, subject, why in (("eve", eve, "wrong password"), ("nobody", "", "unknown")):
        with pytest.raises(grpc.RpcError):
            auth.Login(LoginRequest(identifier=identifier, password="wrong"))
        expect("login", subject, failed=why)
    other = service.login("eve")
    expect("login", eve)
    refreshed = auth.Refresh(RefreshRequest(refresh_token=other.refresh_token)).tokens
    expect("session.refreshed", eve)
    auth.Refresh(RefreshRequest(refresh_token=refreshed.refresh_token))
    expect("session.refreshed", eve)
    with pytest.raises(grpc.RpcError):
        auth.Refresh(RefreshRequest(refresh_token=other.refresh_token))
    expect("refresh_token.reused", eve, failed="reused")

    me = bearer(tokens.access_token)
    change = ChangePasswordRequest(current_password="wrong", new_password="x" + PASSWORD)
    with pytest.raises(grpc.RpcError):
        account.ChangePassword(change, metadata=me)
    expect("password.changed", eve, eve, failed="wrong password")
    change.current_password = PASSWORD
    tokens = account.ChangePassword(change, metadata=me).tokens
    expect("password.changed", eve, eve)

    mine = bearer(tokens.access_token)
    extra = service.login("eve", password="x" + PASSWORD)
    expect("login", eve)
    session.RevokeSession(RevokeSessionRequest(session_id=extra.session_id), metadata=mine)
    expect("session.revoked", eve, eve)
    session.RevokeAllSessions(
        RevokeAllSessionsRequest(except_session_id=tokens.session_id), metadata=mine
    )
    expect("sessions.revoked", eve, eve)
    verified = service.token.VerifyToken(VerifyTokenRequest(access_token=tokens.access_token))
    service.token.RevokeToken(RevokeTokenRequest(token=tokens.access_token))
    expect("token.revoked", verified.claims.token_id)
    auth.Logout(LogoutRequest(refresh_token=tokens.refresh_token))
    expect("session.revoked", eve)
    auth.Logout(LogoutRequest(refresh_token="asr_nothing"))

    proof = auth.StartVerification(StartVerificationRequest(account_id=eve, email="eve@x.test"))
    expect("verification.started", eve)
    auth.CompleteVerification(CompleteVerificationRequest(account_id=eve, code=proof.code))
    expect("verification.completed", eve)
    with pytest.raises(grpc.RpcError):
        auth.CompleteVerification(CompleteVerificationRequest(account_id=eve, code=proof.code))
    expect("verification.completed", eve, failed="wrong, expired, used or void code")
    auth.StartVerification(StartVerificationRequest(account_id=eve, email="other@x.test"))
    expect("verification.started", eve, failed="another address")
    auth.StartPasswordReset(StartPasswordResetRequest(email="nobody@x.test"))
    expect("password_reset.started", "", failed="unknown")
    reset = auth.StartPasswordReset(StartPasswordResetRequest(email="eve@x.test"))
    expect("password_reset.started", eve)
    complete = CompletePasswordResetRequest(
        email="eve@x.test", code=reset.code, new_password="y" + PASSWORD
    )
    auth.CompletePasswordReset(complete)
    expect("password_reset.completed", eve)
    with pytest.raises(grpc.RpcError):
        auth.CompletePasswordReset(complete)
    expect("password_reset.completed", eve, failed="wrong, expired, used or void code")

    bob = account.CreateAccount(CreateAccountRequest(username="bob")).account.account_id
    expect("account.created", bob)
    roles = UpdateAccountRequest(account_id=bob, roles=["a"], update_mask={"paths": ["roles"]})
    account.UpdateAccount(roles)
    expect("account.updated", bob)
    account.DisableAccount(DisableAccountRequest(account_id=bob))
    expect("account.disabled", bob)
    account.EnableAccount(EnableAccountRequest(account_id=bob))
    expect("account.enabled", bob)
    account.DeleteAccount(DeleteAccountRequest(account_id=bob))
    expect("account.deleted", bob)

    flo = enrol(service)
    expect("account.created", flo.account_id)
    expect("login", flo.account_id)
    expect("factor.offered", flo.account_id, flo.account_id, note="totp")
    expect("factor.enrolled", flo.account_id, flo.account_id, note="totp")
    token = challenge(service, flo)
    expect("login.challenged", flo.account_id)
    for kind, code in (("totp_code", flo.wrong_code()), ("recovery_code", "none")):
        with pytest.raises(grpc.RpcError):
            answer(service, token, **{kind: code})
        expect("factor.used", flo.account_id, failed=f"wrong {kind.replace('_', ' ')}")
    answer(service, token, totp_code=flo.code())
    expect("factor.used", flo.account_id, note="totp")
    expect("login", flo.account_id)
    service.factor.ResetFactors(ResetFactorsRequest(account_id=flo.account_id))
    expect("factors.reset", flo.account_id)
    with pytest.raises(grpc.RpcError):
        auth.Login(LoginRequest(identifier=flo.username, password=PASSWORD, acr="aal2"))
    expect("login", flo.account_id, failed="no second factor")

    old = key.ListKeys(ListKeysRequest()).keys[0].key_id
    made = key.RotateKey(RotateKeyRequest(activate_immediately=True)).key.key_id
    expect("key.rotated", made)
    key.RevokeKey(RevokeKeyRequest(key_id=old))
    expect("key.revoked", old)
    return events
