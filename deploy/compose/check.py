"""Checks compose.yaml, and prints how millrace is started.

Command, environment and health check, a line each, with tabs between.

By the schema of the Compose specification beside this file; then what the schema does not ask for.
"""
import json
import pathlib
import sys

import jsonschema
import yaml

here = pathlib.Path(__file__).parent
with open(here / "compose-spec.json", encoding="utf-8") as file:
    schema = json.load(file)
with open(sys.argv[1], encoding="utf-8") as file:
    compose = yaml.safe_load(file)

wrong = []
for error in jsonschema.validators.validator_for(schema)(schema).iter_errors(compose):
    wrong.append(f"{'.'.join(map(str, error.absolute_path))}: {error.message}")

volumes = compose.get("volumes", {})
for name, service in compose["services"].items():
    for port in service.get("ports", []):
        if not str(port).startswith("127.0.0.1:"):
            wrong.append(f"{name}: port {port} is reached from outside")
    if "healthcheck" not in service:
        wrong.append(f"{name}: nothing tells that it is well")
    for volume in service.get("volumes", []):
        if volume.split(":")[0] not in volumes:
            wrong.append(f"{name}: volume {volume} is not declared")
    for other, how in service.get("depends_on", {}).items():
        if other not in compose["services"] or how["condition"] != "service_healthy":
            wrong.append(f"{name}: depends on {other}, which is not waited for")
    image = service["image"]
    if ":" not in image or (image.endswith(":latest") and "build" not in service):
        wrong.append(f"{name}: image {image} has no version")

ours = compose["services"]["millrace"]
if not ours.get("read_only") or ours.get("user", "0").startswith("0") or ours.get("cap_drop") != ["ALL"]:
    wrong.append("millrace: it can do more than it needs")
if wrong:
    sys.exit("\n".join(wrong))
for parts in (
    ours["command"],
    [f"{name}={value}" for name, value in ours["environment"].items()],
    ours["healthcheck"]["test"][1:],
):
    print("\t".join(parts))
