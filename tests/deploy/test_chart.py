"""The Helm chart: what it renders is valid and without rights, and what can't work is refused."""

import importlib.util
import itertools
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authsvc.config import PREFIX, SECRET_FIELDS, Config, variable_name
from authsvc.configuration_faults import faults
from tests.deploy.chart import CHART, EVERYTHING, MESH, TLS, helm, objects_of, only, pods_of, render
from tests.e2e.pasting import ROOT, blocks
from tests.missing import need

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chart")]

_KINDS = (
    "deployment-apps-v1",
    "horizontalpodautoscaler-autoscaling-v2",
    "job-batch-v1",
    "networkpolicy-networking-v1",
    "poddisruptionbudget-policy-v1",
    "service-v1",
    "serviceaccount-v1",
)
_KUBERNETES = ("1.30.0", "1.37.0")
_CHOICES = (
    ("mesh.encrypts=true", TLS, (*TLS, "tls.clientCa.existingSecret=clients")),
    ("replicas=1", "replicas=5", "autoscaling.enabled=true"),
    ("networkPolicy.enabled=true", "networkPolicy.enabled=false"),
    ("podDisruptionBudget.maxUnavailable=30%", "podDisruptionBudget.enabled=false"),
    ("migrations.enabled=true", "migrations.enabled=false"),
    ("serviceMonitor.enabled=false", "serviceMonitor.enabled=true"),
)


@pytest.fixture(name="schemas", scope="module")
def _schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of Kubernetes, with their references made to files."""
    package = importlib.util.find_spec("kubernetes_validate")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).parent / "kubernetes-json-schema"
    target = tmp_path_factory.mktemp("schemas")
    for version in _KUBERNETES:
        (target / version).mkdir()
        for name in ("_definitions", *_KINDS):
            text = (source / f"v{version}-local-strict" / f"{name}.json").read_text("utf-8")
            schema = json.loads(text.replace('"/api/_definitions.json#', '"_definitions.json#'))
            schema.pop("$id", None)
            (target / version / f"{name}.json").write_text(json.dumps(schema), encoding="utf-8")
    return target


def _validate(rendered: str, schemas: Path) -> "subprocess.CompletedProcess[str]":
    kubeconform = need(
        "kubeconform", "go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
    )
    return subprocess.run(
        [
            *(kubeconform, "-strict", "-summary", "-skip", "ServiceMonitor", "-schema-location"),
            f"{schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        ],
        input=rendered,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("values", [MESH, EVERYTHING], ids=lambda path: path.stem)
def test_lint_finds_nothing(values: Path) -> None:
    done = helm("lint", "--strict", "--kube-version=1.34", CHART, "--values", values)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", _KUBERNETES)
def test_every_combination_is_what_kubernetes_takes(schemas: Path, version: str) -> None:
    rendered = [render(EVERYTHING).stdout]
    for combination in _pairwise(_CHOICES):
        done = render(MESH, *combination)
        assert done.returncode == 0, (combination, done.stderr)
        rendered.append(done.stdout)

    done = _validate("\n---\n".join(rendered), schemas / version)

    assert done.returncode == 0, done.stdout
    assert "Invalid: 0, Errors: 0" in done.stdout


def _pairwise(choices: tuple[tuple[Any, ...], ...]) -> Iterator[list[str]]:
    """Give every combination of two choices, with the first of each other group."""
    for one, other in itertools.combinations(range(len(choices)), 2):
        for chosen in itertools.product(choices[one], choices[other]):
            groups = [group[0] for group in choices]
            groups[one], groups[other] = chosen
            yield [s for group in groups for s in ((group,) if isinstance(group, str) else group)]


def test_names_that_look_like_numbers_stay_names(schemas: Path) -> None:
    names = ("secrets.existingSecret=123", "trustedCa.configMap=1e3", "trustedCa.key=0x1")
    names += ("secrets.files.AUTHSVC_MASTER_KEY=null1", "image.pullSecrets={7}")
    chosen = itertools.chain.from_iterable(("--set-string", name) for name in names)
    done = helm("template", "123", CHART, "--kube-version=1.34", "--values", MESH, *chosen)
    assert done.returncode == 0, done.stderr

    done = _validate(done.stdout, schemas / _KUBERNETES[0])

    assert done.returncode == 0, done.stdout


def test_what_kubernetes_would_not_take_is_found(schemas: Path) -> None:
    """The check itself: a misspelt field and a wrong type are seen."""
    rendered = render(MESH).stdout.replace("readOnlyRootFilesystem", "readOnlyRoot")
    done = _validate(rendered.replace("maxSkew: 1", "maxSkew: one"), schemas / _KUBERNETES[0])
    assert done.returncode != 0
    assert "readOnlyRoot" in done.stdout
    assert "maxSkew" in done.stdout


@pytest.mark.parametrize("values", [MESH, EVERYTHING], ids=lambda path: path.stem)
def test_no_pod_has_rights(values: Path) -> None:
    """The restricted profile of the Pod Security Standards, and a root that can't be written."""
    pods = list(pods_of(objects_of(values)))
    assert len(pods) == 2
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for volume in pod["volumes"]:
            assert set(volume) - {"name"} <= {"secret", "configMap", "emptyDir"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]
    assert only(objects_of(values), "ServiceAccount")["automountServiceAccountToken"] is False


def test_variables_of_kubernetes_are_kept_out() -> None:
    """A Service called authsvc would give AUTHSVC_PORT and the like, which are no settings."""
    assert all(pod["enableServiceLinks"] is False for pod in pods_of(objects_of(EVERYTHING)))


@pytest.mark.parametrize("values", [MESH, EVERYTHING], ids=lambda path: path.stem)
def test_secrets_are_files_that_their_group_alone_may_read(values: Path) -> None:
    for pod in pods_of(objects_of(values)):
        assert pod["securityContext"]["fsGroup"] == 10001
        for volume in pod["volumes"]:
            assert volume.get("secret", {}).get("defaultMode", 0o440) == 0o440
        for variable in pod["containers"][0]["env"]:
            assert variable["name"] not in {variable_name(name) for name in SECRET_FIELDS}
            assert "valueFrom" not in variable


def test_the_migrations_get_the_database_and_no_other_secret() -> None:
    job = only(objects_of(EVERYTHING), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    pod = job["spec"]["template"]["spec"]
    secrets = [v["secret"]["items"] for v in pod["volumes"] if "secret" in v]
    assert secrets == [[{"key": "database-url", "path": "database-url"}]]


@pytest.mark.parametrize("values", [MESH, EVERYTHING], ids=lambda path: path.stem)
def test_authsvc_starts_with_the_settings_that_the_chart_gives(
    values: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for its secrets and certificates, which are not there to read."""
    pod = only(objects_of(values), "Deployment")["spec"]["template"]["spec"]
    given = {v["name"]: v["value"] for v in pod["containers"][0]["env"]}
    environment = {
        **{name: value for name, value in given.items() if not value.startswith("/run/secrets/")},
        "AUTHSVC_MASTER_KEY": "u7Jd0T3Yx0rXlQ1s4oJb9m2c8v5n6k7w3e1z2a4f6hM=",
        "AUTHSVC_REDIS_URL": "redis://redis",
    }
    monkeypatch.setenv("AUTHSVC_LISTEN", "127.0.0.1:50051")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AUTHSVC_TRANSPORT")

    assert faults(Config(), environment=given) == []


def test_every_setting_that_is_set_exists() -> None:
    known = {variable_name(name) for name in Config.model_fields}
    known |= {f"{variable_name(name)}_FILE" for name in SECRET_FIELDS}
    for pod in pods_of(objects_of(EVERYTHING)):
        names = {variable["name"] for variable in pod["containers"][0]["env"]}
        assert {name for name in names if name.startswith(PREFIX)} <= known


def test_probes_restart_what_hangs_only_and_lead_calls_to_what_can_check_tokens() -> None:
    for settings, readiness in (
        ((), {"grpc": {"port": 50051, "service": "authn.v1.TokenService"}}),
        (TLS, {"httpGet": {"path": "/readyz/authn.v1.TokenService", "port": "http"}}),
    ):
        deployment = only(objects_of(MESH, *settings), "Deployment")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": "/healthz", "port": "http"}
        assert readiness.items() <= container["readinessProbe"].items()


def test_kubernetes_waits_as_long_as_calls_may_take_to_finish() -> None:
    settings = ("shutdown.preStopSeconds=7", "shutdown.drainSeconds=33")
    pod = next(pods_of(objects_of(MESH, *settings)))
    container = pod["containers"][0]
    given = {v["name"]: v["value"] for v in container["env"]}
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 7}}
    assert given["AUTHSVC_DRAIN_GRACE"] == "33s"
    assert pod["terminationGracePeriodSeconds"] > 7 + 33 + 2


def test_selectors_lead_to_the_server_pods_and_never_to_the_migrations() -> None:
    objects = objects_of(EVERYTHING)
    deployment, job = only(objects, "Deployment"), only(objects, "Job")
    server = deployment["spec"]["template"]["metadata"]["labels"]
    migrations = job["spec"]["template"]["metadata"]["labels"]
    services = [one for one in objects if one["kind"] == "Service"]
    budget = only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]
    for selector in (*(service["spec"]["selector"] for service in services), budget):
        assert selector.items() <= server.items()
        assert not selector.items() <= migrations.items()
    assert [service["spec"].get("clusterIP") for service in services] == [None, "None"]
    monitored = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert [monitored.items() <= s["metadata"]["labels"].items() for s in services] == [False, True]


def test_the_network_policy_lets_in_and_out_what_is_named_alone() -> None:
    policy = only(objects_of(EVERYTHING), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule["from"] and rule["ports"] for rule in policy["ingress"])
    assert all(rule["ports"] for rule in policy["egress"])
    ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert ports == {53, 5432, 6380}


def test_the_lines_of_the_documentation_install_it() -> None:
    (block,) = blocks("docs/deployment.md")
    words = block.replace("\\\n", " ").split()
    assert words[:4] == ["helm", "-n", "identity", "install"]

    done = subprocess.run(
        ["helm", "template", "--kube-version=1.34", *words[4:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_no_secret_stands_in_the_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    settings = schema["properties"]["settings"]["properties"]
    assert not {variable_name(name) for name in SECRET_FIELDS} & set(settings)
