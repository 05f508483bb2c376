"""The Helm chart refuses what can't work, and says what to do."""

import pytest

from tests.deploy.chart import MESH, TLS, render

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chart")]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["image.repository="], "image.repository is missing: name where the image"),
        (["secrets.existingSecret="], "secrets.existingSecret is missing: make a Secret"),
        (["secrets.files.AUTHSVC_DATABASE_URL="], "secrets.files.AUTHSVC_DATABASE_URL is missing"),
        (["settings.AUTHSVC_ISSUER="], "settings.AUTHSVC_ISSUER is missing: give the https URL"),
        (["settings.AUTHSVC_ISSUER=http://x"], "settings.AUTHSVC_ISSUER is not an https URL"),
        (["mesh.encrypts=false"], "The gRPC port would not be encrypted: name a certificate"),
        (["tls.existingSecret=x"], "exclude each other: keep one of them"),
        (["tls.clientCa.existingSecret=x"], "needs tls.existingSecret: set that too"),
        ([*TLS, "settings.AUTHSVC_TRANSPORT=native"], "AUTHSVC_TRANSPORT=native never encrypts"),
        (
            ["autoscaling.enabled=true", "autoscaling.minReplicas=9"],
            "autoscaling.minReplicas is above autoscaling.maxReplicas",
        ),
        (
            ["autoscaling.enabled=true", "resources.requests.cpu=null"],
            "autoscaling.enabled needs resources.requests.cpu",
        ),
    ],
)
def test_what_can_not_work_is_refused_with_one_sentence(settings: list[str], sentence: str) -> None:
    done = render(MESH, *settings)
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert sentence in line


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("replica=3", "additional properties 'replica' not allowed"),
        ("settings.AUTHSVC_ISUER=x", "additional properties 'AUTHSVC_ISUER' not allowed"),
        ("settings.AUTHSVC_LISTEN=x", "additional properties 'AUTHSVC_LISTEN' not allowed"),
        ("settings.AUTHSVC_MASTER_KEY=x", "additional properties 'AUTHSVC_MASTER_KEY' not allowed"),
        ("secrets.masterKey=x", "additional properties 'masterKey' not allowed"),
        ("image.digest=sha256:short", "at '/image/digest': 'sha256:short' does not match"),
        ("image.pullPolicy=Sometimes", "at '/image/pullPolicy': value must be one of"),
        ("workers=0", "at '/workers': minimum"),
        ("workers=many", "at '/workers': got string, want integer"),
        ("networkPolicy.grpcFrom=null", "at '/networkPolicy': missing property 'grpcFrom'"),
        ("shutdown.preStopSeconds=0", "at '/shutdown/preStopSeconds': minimum"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(setting: str, place: str) -> None:
    done = render(MESH, setting)
    assert done.returncode != 0
    assert done.stdout == ""
    assert place in done.stderr
