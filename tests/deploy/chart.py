"""Renders the Helm chart."""

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.missing import need

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "authsvc"
MESH, EVERYTHING = (CHART / "ci" / f"{name}-values.yaml" for name in ("mesh", "everything"))
TLS = ("mesh.encrypts=false", "tls.existingSecret=authsvc-tls")


def helm(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run helm."""
    helm = need("helm", "go install helm.sh/helm/v3/cmd/helm@v3.22.0")
    return subprocess.run([helm, *map(str, arguments)], capture_output=True, text=True, check=False)


def render(values: Path, *settings: str) -> "subprocess.CompletedProcess[str]":
    """Render the chart with values from a file, and others on the command line."""
    chosen = itertools.chain.from_iterable(("--set", setting) for setting in settings)
    options = ("--namespace=identity", "--kube-version=1.34", "--values", values)
    return helm("template", "authsvc", CHART, *options, *chosen)


def objects_of(values: Path, *settings: str) -> list[dict[str, Any]]:
    """Give what is rendered."""
    done = render(values, *settings)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def only(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Give the only object of a kind."""
    (found,) = (one for one in objects if one["kind"] == kind)
    return found


def pods_of(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give the pods that come of the objects."""
    for one in objects:
        if one["kind"] in {"Deployment", "Job"}:
            yield one["spec"]["template"]["spec"]
