"""A storm of logins that are given up at once costs no more than its hashes (P-PW-5, row 39)."""

import re
import time
from pathlib import Path

import grpc
import pytest
from authn.v1.auth_service_pb2 import LoginRequest, RegisterRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub
from authn.v1.token_service_pb2 import VerifyTokenRequest
from authn.v1.token_service_pb2_grpc import TokenServiceStub

from tests.faults.outage import seconds_until
from tests.faults.process_tree import serves, tree
from tests.service import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_HASH_MIB = 128
_LOGINS = 500


def test_p_pw_5_p_flt_4_a_storm_that_is_cancelled_runs_one_hash_a_worker(tmp_path: Path) -> None:
    """A second hash at the same time would show in the peak of memory."""
    costs = {"AUTHSVC_ARGON2_MEMORY_COST_KIB": str(_HASH_MIB * 1024), "AUTHSVC_WORKERS": "1"}
    with tree(tmp_path, **costs) as running, grpc.insecure_channel(running.address) as channel:
        seconds_until(lambda: serves(running.address), at_most=10)
        auth, token = AuthServiceStub(channel), TokenServiceStub(channel)
        registered = auth.Register(RegisterRequest(username="somebody", password=PASSWORD))
        check = VerifyTokenRequest(access_token=registered.tokens.access_token)
        [worker] = running.workers()
        before = _peak_mib(worker)  # with one hash made

        for storm in range(3):
            calls = [auth.Login.future(_nobody(storm, number)) for number in range(_LOGINS)]
            time.sleep(0.05)  # some are hashed, some wait, some have not arrived
            for call in calls:
                call.cancel()
            token.VerifyToken(check, timeout=5)
            wait_for(calls)
            token.VerifyToken(check, timeout=5)

        assert _peak_mib(worker) < before + _HASH_MIB / 2
        assert running.workers() == {worker}
        request = LoginRequest(identifier="somebody", password=PASSWORD)
        seconds_until(lambda: _logs_in(auth, request), at_most=20)


def wait_for(calls: list[grpc.Future]) -> None:
    """Wait until all calls have ended for their caller."""
    for call in calls:
        assert isinstance(call.exception() if not call.cancelled() else None, Exception | None)
    assert all(call.done() for call in calls)


def _nobody(storm: int, number: int) -> LoginRequest:
    # From many addresses, so that no limit ends the storm before the hashes.
    address = f"198.51.{storm}.{number % 250}"
    return LoginRequest(
        identifier=f"nobody-{storm}-{number}", password="x", client={"ip_address": address}
    )


def _logs_in(auth: AuthServiceStub, request: LoginRequest) -> bool:
    try:
        return bool(auth.Login(request, timeout=10).tokens.session_id)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        return False


def _peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+([0-9]+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
