"""The schema of the Helm chart's values, with the settings that the code reads."""

import json

from authsvc.config import SECRET_FIELDS, Config, variable_name
from tools.reference import DOCS

PATH = DOCS.parent / "deploy" / "helm" / "authsvc" / "values.schema.json"

_SET_BY_THE_CHART = frozenset(
    {
        "data",
        "drain_grace",
        "http",
        "listen",
        "mode",
        "reflection",
        "tls_cert",
        "tls_client_ca",
        "tls_key",
        "tls_terminated_by_mesh",
        "workers",
    }
)


def schema() -> str:
    """Give the schema with each setting that an operator decides."""
    schema = json.loads(PATH.read_text(encoding="utf-8"))
    key = {"type": "string", "pattern": "^[-._a-zA-Z0-9]*$", "maxLength": 253}
    schema["properties"]["secrets"]["properties"]["files"]["properties"] = {
        variable_name(name): key for name in sorted(SECRET_FIELDS)
    }
    schema["properties"]["settings"]["properties"] = {
        variable_name(name): {
            "type": ["string", "integer", "boolean"],
            "description": Config.model_fields[name].description,
        }
        for name in sorted({*Config.model_fields} - {*SECRET_FIELDS} - _SET_BY_THE_CHART)
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
