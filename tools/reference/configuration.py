"""The settings, from the code that reads them."""

from pydantic_core import PydanticUndefined

from authsvc.config import SECRET_FIELDS, Config, variable_name


def page() -> str:
    """Give the reference of all settings."""
    lines = [
        "# Configuration",
        "",
        "Every setting is an environment variable; `authsvc up` and `authsvc serve` also take",
        "`--listen`, `--http`, `--data` and `--transport`. A secret may stand in a file instead,",
        "named by the variable with `_FILE` behind it. Durations are written as `45s`, `10m`,",
        "`12h` or `30d`.",
        "`authsvc check-config` names every fault at once.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Config.model_fields.items():
        variable = f"`{variable_name(name)}`"
        if name in SECRET_FIELDS:
            variable += f", `{variable_name(name)}_FILE`"
        lines.append(f"| {variable} | {_default(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return ""
    if isinstance(value, tuple):
        value = " ".join(value)
    if hasattr(value, "total_seconds"):
        value = _duration(int(value.total_seconds()))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
