"""Fails where a dependency asks for a newer Rust than the workspace promises."""

import json
import subprocess
import sys

metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--format-version", "1", "--all-features"]))
packages = {package["id"]: package for package in metadata["packages"]}
sdk = next(p for p in metadata["packages"] if p["name"] == "nanofaas-sdk")


def version(text):
    return tuple(int(part) for part in text.split("."))


# What users of the SDK compile: its normal and build dependencies, all the way down.
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
waiting, seen = [sdk["id"]], set()
while waiting:
    package = waiting.pop()
    if package in seen:
        continue
    seen.add(package)
    for dependency in nodes[package]["deps"]:
        if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
            waiting.append(dependency["pkg"])

promised = version(sdk["rust_version"])
newer = [
    f"{packages[i]['name']} {packages[i]['version']} needs Rust {packages[i]['rust_version']}"
    for i in seen
    if packages[i]["rust_version"] and version(packages[i]["rust_version"])[:2] > promised[:2]
]
print("\n".join(newer) or f"{len(seen)} packages fit Rust {sdk['rust_version']}")
sys.exit(bool(newer))
