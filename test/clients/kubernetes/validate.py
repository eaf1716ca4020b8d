"""Checks manifests against the schemas of Kubernetes and KServe, and a compose file against the compose specification.

Reads {"manifests": [...], "compose": text, "swagger": path or null, "versions": [...]} from standard input and prints
{"checked": [...], "skipped": [...], "problems": [...]} as JSON.
"""

import json
import sys

import jsonschema
import kubernetes_validate
from compose_spec import PyCompose
from kubernetes_validate.utils import latest_version, schema_contents

# The groups in which a type that KServe refers to by its short name may lie.
GROUPS = ("io.k8s.api.core.", "io.k8s.api.autoscaling.", "io.k8s.apimachinery.pkg.apis.meta.", "io.k8s.api.apps.")


def name_of(manifest):
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def strict(definitions):
    """Fields that a definition does not list are refused, as the API server’s strict validation does."""
    for definition in definitions.values():
        if "properties" in definition and "additionalProperties" not in definition:
            definition["additionalProperties"] = False
    return definitions


def kubernetes_types():
    folder = f"v{latest_version()}-local-strict"
    return schema_contents(f"kubernetes-json-schema/{folder}/_definitions.json", latest_version())["$defs"]


def referred(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rsplit("/", 1)[-1]
        for value in node.values():
            yield from referred(value)
    elif isinstance(node, list):
        for value in node:
            yield from referred(value)


def localised(node):
    """References into Kubernetes’ own file of definitions, as references into the one document."""
    if isinstance(node, dict):
        return {
            key: f"#/definitions/{value.rsplit('/', 1)[-1]}" if key == "$ref" and isinstance(value, str) else localised(value)
            for key, value in node.items()
        }
    return [localised(value) for value in node] if isinstance(node, list) else node


def kserve_schemas(path):
    with open(path, encoding="utf8") as file:
        own = strict(json.load(file)["definitions"])
    kubernetes = {name: localised(schema) for name, schema in kubernetes_types().items()}
    definitions = {**kubernetes, **own}
    for name in set(referred(own)) - set(own):
        full = next((group + name for group in GROUPS if group + name in kubernetes), None)
        # What neither describes, such as a status or a Knative type, is left open.
        definitions[name] = {"$ref": f"#/definitions/{full}"} if full else {}
    return definitions


def check_kserve(manifest, definitions):
    version = manifest["apiVersion"].rsplit("/", 1)[-1]
    schema = {"$ref": f"#/definitions/{version}.{manifest['kind']}", "definitions": definitions}
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{name_of(manifest)}: {'.'.join(map(str, error.path))}: {error.message[:300]}" for error in errors]


def check_kubernetes(manifest, version):
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
        return []
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"{name_of(manifest)} on {version}: {str(error)[:300]}"]


def main():
    given = json.load(sys.stdin)
    answer = {"checked": [], "skipped": [], "problems": []}
    definitions = kserve_schemas(given["swagger"]) if given["swagger"] else None
    for manifest in given["manifests"]:
        if manifest["apiVersion"].startswith("serving.kserve.io/"):
            if definitions is None:
                answer["skipped"].append(name_of(manifest))
                continue
            answer["problems"] += check_kserve(manifest, definitions)
        else:
            for version in given["versions"]:
                answer["problems"] += check_kubernetes(manifest, version)
        answer["checked"].append(name_of(manifest))
    try:
        compose = PyCompose.from_yaml(given["compose"])
        answer["checked"] += [f"compose/{name}" for name in compose.service_names()]
    except ValueError as error:
        answer["problems"].append(f"compose: {error}")
    json.dump(answer, sys.stdout)


main()
