"""Writes an image's bill of materials, CycloneDX 1.6 in JSON, to standard output.

    sbom.py NAME VERSION SITE_PACKAGES DPKG_STATUS

It names the Python packages in that folder and the Debian packages that this dpkg status file lists. The same image
gives the same bytes: no time, and a serial number made from what is in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL


def python_packages(folder: str) -> Iterator[Component]:
    for found in distributions(path=[folder]):
        name = found.metadata["Name"].lower().replace("_", "-").replace(".", "-")
        yield _component(PackageURL("pypi", name=name, version=found.version))


def debian_packages(status: str) -> Iterator[Component]:
    """RFC 822 paragraphs; of a package that was removed the settings may be left."""
    for paragraph in Path(status).read_text(encoding="utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status") != "install ok installed":
            continue
        qualifiers = {"arch": fields["Architecture"], "distro": "trixie"}
        yield _component(
            PackageURL("deb", "debian", fields["Package"], fields["Version"], qualifiers=qualifiers),
        )


def _component(package: PackageURL) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=package,
        bom_ref=package.to_string(),
    )


def bill(name: str, version: str, site_packages: str, status: str) -> str:
    components = [*python_packages(site_packages), *debian_packages(status)]
    subject = Component(name=name, version=version, type=ComponentType.CONTAINER, bom_ref=name)
    bom = Bom(components=components, metadata=BomMetaData(component=subject))
    contents = "\n".join(sorted(component.bom_ref.value or "" for component in components))
    bom.serial_number = uuid5(NAMESPACE_URL, f"{name} {version}\n{contents}")
    bom.register_dependency(subject, components)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["metadata"]["timestamp"]  # the time of day
    return json.dumps(document, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(bill(*sys.argv[1:]))
