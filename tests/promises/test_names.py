"""One identifier leads to one account and one throttle, or to none."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import CreateAccountRequest, UpdateAccountRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest

from tests.service import Service, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import attempt, outcome, refused

LIMIT = 10


@pytest.fixture(name="service", scope="session")
def _service(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of these tests' own, in which each takes other names."""
    data = Path(tmp_path_factory.mktemp("names"))
    with valkey() as redis, running(data=data, redis_url=redis.url) as service:
        yield service


@pytest.fixture(name="unique")
def _unique() -> str:
    """Letters that no other test has, and that look like no others."""
    return "".join(secrets.choice("bdfghjkpqtxy") for _ in range(12))


def logged_in(service: Service, identifier: str, **fields: str) -> str:
    token = service.login(identifier, **fields).access_token
    return service.token.VerifyToken(VerifyTokenRequest(access_token=token)).claims.subject


def register(service: Service, username: str) -> str:
    return outcome(lambda: service.register(username=username))


def create(service: Service, username: str) -> str:
    request = CreateAccountRequest(username=username)
    return outcome(lambda: service.account.CreateAccount(request))


def test_p_pw_3_a_verified_address_is_an_alias_of_the_user_name(
    service: Service, unique: str
) -> None:
    email = f"Ada.Lovelace@{unique}.test"
    account = service.register(username=unique, email=email).account
    assert attempt(service, email).reason == "INVALID_CREDENTIALS"
    service.verify_email(account)
    for identifier in (unique, unique.upper(), email, email.lower(), email.upper()):
        assert logged_in(service, identifier) == account.account_id


def test_p_pw_3_no_other_spelling_leads_to_an_account(service: Service, unique: str) -> None:
    name, domain = f"ada{unique}", f"{unique}.test"
    account = service.register(username=name, email=f"ada.i@{domain}").account
    service.verify_email(account)
    of_address = (
        *("adai@", "ada.i+x@", " ada.i@", "\uff41da.i@", "ada.\u0456@", "ada.\u0131@", "ada.i@@"),
        *("@", "ada.i@x@", "ada.i\0@", "ada.\u0130@"),
    )
    of_name = (" {}", "{} ", "{}\0", "{}\n", "\u200b{}", "{}@", "@{}", "{}%", "{}*", "{{{}}}")
    spellings = [
        *(start + domain for start in of_address),
        *(form.format(f"ada.i@{domain}") for form in of_name),
        *(form.format(name) for form in of_name),
        *(first + name[1:] for first in ("\uff41", "\u0430", "a\u0301", "\u00e1", "\U0001d41a")),
    ]
    for spelling in spellings:
        assert attempt(service, spelling).reason == "INVALID_CREDENTIALS", ascii(spelling)
    assert service.login(name).session_id  # and none of them took an attempt


def test_p_pw_3_an_address_that_is_not_verified_neither_lets_in_nor_keeps_out(
    service: Service, unique: str
) -> None:
    """Whoever names another's address first, or later, gains, harms and learns nothing."""
    own, others = "tree lamp window", "three other windows"
    email = f"ada@{unique}.test"
    earlier = service.register(email=email, password=others).account
    owner = service.register(email=email.upper(), password=own).account
    later = service.register(email=email, password=others).account
    assert {a.email_verified for a in (earlier, owner, later)} == {False}

    refusals = {
        attempt(service, email, own),
        attempt(service, email, others),
        attempt(service, f"nobody@{unique}.test", own),
    }
    assert len(refusals) == 1
    assert logged_in(service, owner.username, password=own) == owner.account_id

    service.verify_email(owner)
    assert logged_in(service, email, password=own) == owner.account_id
    assert attempt(service, email, others).reason == "INVALID_CREDENTIALS"
    assert logged_in(service, earlier.username, password=others) == earlier.account_id


def test_p_pw_3_another_address_is_not_an_alias_until_it_is_verified(
    service: Service, unique: str
) -> None:
    account = service.register(email=f"old@{unique}.test").account
    service.verify_email(account)
    new = f"new@{unique}.test"
    service.account.UpdateAccount(
        UpdateAccountRequest(
            account_id=account.account_id, email=new, update_mask={"paths": ["email"]}
        )
    )
    assert attempt(service, f"old@{unique}.test").reason == "INVALID_CREDENTIALS"
    assert attempt(service, new).reason == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("form", ["{}", "k`ada@{}.test"])
def test_p_thr_1_all_spellings_of_a_name_share_its_attempts(
    form: str, service: Service, unique: str
) -> None:
    name = form.format(unique)
    account = service.register(username=unique, email=f"k`ada@{unique}.test").account
    service.verify_email(account)
    for n in range(LIMIT):
        spelling = (name.upper(), name.title())[n % 2]
        assert attempt(service, spelling, "wrong").reason == "INVALID_CREDENTIALS"
    assert attempt(service, name).reason == "TOO_MANY_ATTEMPTS"


@pytest.mark.parametrize("name", ["alice-{}", "ALICE-{}", "AIice-{}", "al1ce-{}", "allce-{}"])
def test_p_pw_3_nobody_registers_a_name_that_looks_like_anothers(
    name: str, service: Service, unique: str
) -> None:
    assert register(service, f"Alice-{unique}") == "OK"
    refusal = refused(lambda: service.register(username=name.format(unique)))
    assert refusal.code is grpc.StatusCode.ALREADY_EXISTS
    assert refusal.reason == "USERNAME_TAKEN"
    assert register(service, f"alicia-{unique}") == "OK"


def test_p_pw_3_of_look_alikes_that_register_at_once_one_gets_an_account(
    service: Service, unique: str
) -> None:
    looks = ["modern-01", "modem-0l", "rnodern-OI", "m0dern-o1"] * 2
    with ThreadPoolExecutor(len(looks)) as threads:
        answers = list(threads.map(lambda look: register(service, f"{unique}-{look}"), looks))
    assert sorted(answers) == ["OK", *["USERNAME_TAKEN"] * (len(looks) - 1)]


@pytest.mark.parametrize("name", ["Adm1n", "ROOT", "p0stmaster"])
def test_p_pw_3_reserved_names_are_for_administrators_to_give(name: str, service: Service) -> None:
    refusal = refused(lambda: service.register(username=name))
    assert (refusal.reason, refusal.fields) == ("INVALID_REQUEST", ("username",))
    assert create(service, name) == "OK"
    assert create(service, name.swapcase()) == "USERNAME_TAKEN"


def test_p_pw_3_an_administrator_may_give_a_name_that_looks_like_another(
    service: Service, unique: str
) -> None:
    assert register(service, f"alice-{unique}") == "OK"
    assert create(service, f"al1ce-{unique}") == "OK"
    assert create(service, f"Alice-{unique}") == "USERNAME_TAKEN"
    assert register(service, f"allce-{unique}") == "USERNAME_TAKEN"


@pytest.mark.parametrize("name", ["ada@mail.test", "@", "a@b"])
def test_p_pw_3_no_user_name_is_an_address(name: str, service: Service) -> None:
    assert register(service, name) == "INVALID_REQUEST"
    assert create(service, name) == "INVALID_REQUEST"
