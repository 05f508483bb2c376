"""The metrics, from the code that counts."""

from authsvc.metrics import Metrics


def page() -> str:
    """Give the reference of all metrics."""
    lines = [
        "# Metrics",
        "",
        "What `/metrics` tells, made from the code. No label ever holds what a caller chose.",
        "",
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    # prometheus-client tells the labels of a metric only once there are values.
    for collector in Metrics(())._registry._collector_to_names:  # noqa: SLF001
        (family,) = collector.describe()
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = " ".join(f"`{label}`" for label in collector._labelnames)  # noqa: SLF001
        lines.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(lines) + "\n"
