"""Checks deployment files against the schemas of what reads them: check.py FILE...

Prints one line per document that is right, and one per mistake; ends with 1 if there was one.
"""

import importlib.util
import json
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

# The oldest Kubernetes that the templates are for, and the newest whose schemas are here.
KUBERNETES = ["1.30", "1.37"]

# RevisionSpec of Knative Serving is a PodSpec with these beside it.
REVISION = {"containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds"}
# The fields of PodSpec and of Container that Knative takes without feature flags, among those that make sense here.
KNATIVE_POD = {"containers", "volumes", "serviceAccountName", "imagePullSecrets", "enableServiceLinks",
               "automountServiceAccountToken"}
KNATIVE_CONTAINER = {"name", "image", "imagePullPolicy", "command", "args", "env", "envFrom", "ports", "volumeMounts",
                     "livenessProbe", "readinessProbe", "startupProbe", "resources", "securityContext", "workingDir"}

# What a nanofaas control plane reads, and what its command line tool keeps to itself.
FUNCTION = {
    "type": "object",
    "required": ["name", "image"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "image": {"type": "string", "minLength": 1},
        "executionMode": {"enum": ["POOL", "DEPLOYMENT", "LOCAL"]},
        "endpointUrl": {"type": "string", "pattern": "^https?://"},
        "timeoutMs": {"type": "integer", "minimum": 1},
        "concurrency": {"type": "integer", "minimum": 1},
        "queueSize": {"type": "integer", "minimum": 1},
        "maxRetries": {"type": "integer", "minimum": 1},
        "x-cli": {
            "type": "object",
            "required": ["build"],
            "additionalProperties": False,
            "properties": {
                "build": {
                    "type": "object",
                    "required": ["context", "dockerfile"],
                    "additionalProperties": False,
                    "properties": {
                        "context": {"type": "string"},
                        "dockerfile": {"type": "string"},
                        "platform": {"type": "string"},
                        "push": {"type": "boolean"},
                    },
                },
            },
        },
    },
}


class Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping, of which YAML readers silently take one."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"`{key}` stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def kubernetes(document):
    """Strict: fields that the schema does not have are mistakes."""
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {place(error)}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def knative(document):
    """The pod inside by its schema, what is Knative's own by hand."""
    yield from unknown(document, {"apiVersion", "kind", "metadata", "spec"}, "the document")
    yield from unknown(document["spec"], {"template", "traffic"}, "spec")
    template = document["spec"]["template"]
    yield from unknown(template, {"metadata", "spec"}, "spec.template")
    own = {key: value for key, value in template["spec"].items() if key in REVISION}
    pod = {key: value for key, value in template["spec"].items() if key not in REVISION}
    for key, value in own.items():
        if type(value) is not int or value < 0:
            yield f"spec.template.spec.{key}: {value!r} is not a number of 0 or more"
    yield from unknown(pod, KNATIVE_POD, "spec.template.spec")
    for container in pod.get("containers", []):
        yield from unknown(container, KNATIVE_CONTAINER, "the container")
        if any(variable.get("name") == "PORT" for variable in container.get("env", [])):
            yield "PORT is set by Knative and by nobody else"
        if len(container.get("ports", [])) > 1:
            yield "a container of Knative has one port"
    # Knative names a container where its author does not.
    containers = [{"name": "user-container", **container} for container in pod.get("containers", [])]
    metadata = {"name": document["metadata"]["name"], **template.get("metadata", {})}
    yield from kubernetes({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                           "spec": {**pod, "containers": containers}})


def compose(document):
    # The package is not imported: it wants much that is not installed.
    package = Path(importlib.util.find_spec("compose").submodule_search_locations[0])
    yield from by_schema(document, json.loads((package / "config/compose_spec.json").read_text()))


def function(document):
    yield from by_schema(document, FUNCTION)


def by_schema(document, schema):
    # The version of JSON Schema that the one of Compose is written in.
    for error in jsonschema.Draft201909Validator(schema).iter_errors(document):
        yield place(error)


def unknown(mapping, known, where):
    for key in mapping.keys() - known:
        yield f"{where}: `{key}` is not known or not allowed here"


def place(error):
    # Of several readings, the error of the one that came closest.
    best = jsonschema.exceptions.best_match([error])
    path = ".".join(str(part) for part in best.absolute_path) or "the document"
    return f"{path}: {best.message}"


def checker(document):
    version = document.get("apiVersion", "")
    if version.startswith("serving.knative.dev/"):
        return knative
    if version:
        return kubernetes
    return compose if "services" in document else function


def main(files):
    mistakes = 0
    for file in files:
        try:
            documents = list(yaml.load_all(Path(file).read_text(), Loader))
        except yaml.YAMLError as error:
            print(f"{file}: wrong: {error}")
            mistakes += 1
            continue
        for document in documents:
            if not isinstance(document, dict):
                print(f"{file}: wrong: a document is empty or not a mapping")
                mistakes += 1
                continue
            check = checker(document)
            found = list(check(document))
            for mistake in found:
                print(f"{file}: wrong: {mistake}")
            if not found:
                print(f"{file}: {document.get('kind', check.__name__)} is right")
            mistakes += len(found)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
