"""What the images are made of: locked, listed, the same each time, and nothing that only the build needs."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from image.build import ROOT, build
from image.conftest import CACHE
from image.engine import Engine

TARGETS = ("appliance", "webhook")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = {"appliance": "otlp", "webhook": "webhook"}
BILLS = {"appliance": "usr/share/sbom/tcp-sniffer.cdx.json", "webhook": "usr/share/sbom/tcp-sniffer-webhook.cdx.json"}
# Of programs that build, fetch or install.
TOOLS = (
    "gcc",
    "g++",
    "cc",
    "c++",
    "ld",
    "make",
    "cmake",
    "ninja",
    "ccache",
    "git",
    "pip",
    "pip3",
    "uv",
    "curl",
    "wget",
)
CACHES = ("var/lib/apt/lists/", "var/cache/apt/archives/", "root/.cache/", "src/", "wheels/", "opt/build/")

Files = dict[str, tuple[Any, ...]]


class Tree:
    """An image's files."""

    def __init__(self, docker: Engine, image: str) -> None:
        self.image = image
        name = f"tcp-sniffer-test-{uuid4().hex[:8]}"
        docker("create", "--name", name, image)
        try:
            exported = docker("export", name, timeout=300).stdout
        finally:
            docker("rm", name)
        self._tar = tarfile.open(fileobj=io.BytesIO(exported))  # noqa: SIM115 - read for as long as the tests last
        self.files: Files = {member.name: self._facts(member) for member in self._tar.getmembers()}

    def _facts(self, member: tarfile.TarInfo) -> tuple[Any, ...]:
        """Kind, mode, owner and content; not when it was written."""
        file = self._tar.extractfile(member) if member.isreg() else None
        content = hashlib.sha256(file.read()).hexdigest() if file else member.linkname
        return (member.type, oct(member.mode), member.uid, member.gid, content)

    def read(self, name: str) -> bytes:
        file = self._tar.extractfile(name)
        assert file is not None
        return file.read()


@pytest.fixture(scope="module")
def trees(docker: Engine, image: str) -> Iterator[dict[str, Tree]]:
    build(docker, "tcp-sniffer-webhook:test", CACHE, "webhook")
    yield {"appliance": Tree(docker, image), "webhook": Tree(docker, "tcp-sniffer-webhook:test")}


def locked(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", [*TARGETS, "build"])
def test_every_file_of_a_lock_has_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    for requirement in re.split(r"\n(?! )", text.strip()):
        assert re.match(r"[a-z0-9-]+==\S+( ;.*)? \\\n( +--hash=sha256:[0-9a-f]{64}( \\\n)?)+$", requirement), (
            requirement
        )


@pytest.mark.parametrize("name", TARGETS)
def test_the_lock_is_what_the_project_asks_for(name: str) -> None:
    project = PROJECT["project"]
    found = locked(name)
    for text in [*project["dependencies"], *project["optional-dependencies"][EXTRAS[name]]]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(found[requirement.name]), f"{text}: scripts/lock has not been run"
    for text in PROJECT["build-system"]["requires"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked("build")[requirement.name])


@pytest.mark.parametrize("name", TARGETS)
def test_the_bill_of_materials_names_all_that_is_there(docker: Engine, trees: dict[str, Tree], name: str) -> None:
    text = trees[name].read(BILLS[name]).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    packages = {component["purl"] for component in json.loads(text)["components"]}
    files = trees[name].files
    there = {match[1] for path in files if (match := re.search(r"/site-packages/([^/]+)\.dist-info/METADATA$", path))}
    assert {purl.partition("pypi/")[2] for purl in packages if "pypi/" in purl} == {_purl(one) for one in there}
    assert {f"pkg:pypi/{one}@{version}" for one, version in locked(name).items()} <= packages
    asked = ("--rm", "--network=none", "--entrypoint=dpkg-query", trees[name].image, "-W", "-f=${Package}\n")
    debian = docker.text("run", *asked).split()
    assert sorted(
        unquote(purl).split("/")[2].split("@")[0] for purl in packages if purl.startswith("pkg:deb/")
    ) == sorted(debian)
    assert len(debian) > 20


def _purl(distribution: str) -> str:
    name, _, version = distribution.rpartition("-")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}@{version}"


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_only_the_build_needs(trees: dict[str, Tree], name: str) -> None:
    files = trees[name].files
    programs = {path.rpartition("/")[2] for path in files if re.search(r"(^|/)s?bin/[^/]+$", path)}
    assert "python3" in programs
    assert programs.isdisjoint(TOOLS)
    kept = [
        path
        for path in files
        if path.startswith(CACHES) and not path.endswith("/") and files[path][0] == tarfile.REGTYPE
    ]
    assert kept in ([], ["var/cache/apt/archives/lock"])
    assert not [path for path in files if path.startswith("var/log/")]


@pytest.mark.parametrize("name", TARGETS)
def test_bytecode_is_valid_by_the_source_s_hash(trees: dict[str, Tree], name: str) -> None:
    """PEP 552: what a time stamp would make different each time."""
    compiled = [path for path in trees[name].files if path.startswith("opt/") and path.endswith(".pyc")]
    assert len(compiled) > 100
    for path in compiled:
        assert int.from_bytes(trees[name].read(path)[4:8], "little") == 0b01, path


def test_two_builds_give_the_same_files(docker: Engine, trees: dict[str, Tree]) -> None:
    """Every command anew, each object compiled and each wheel fetched. Debian's packages are those of the day, in both;
    apt, which holds each against its signed hash, may keep them."""
    again = uuid4().hex
    for name in TARGETS:
        said = build(docker, f"tcp-sniffer-{name}:again", CACHE, name, anew=again)
        # Both stand on one stage that builds: of the second time, too, is what the first target ran of it.
        assert {stage for stage in kept(said) if name == TARGETS[0] or stage != "build"} == set()
        files = Tree(docker, f"tcp-sniffer-{name}:again").files
        first = trees[name].files
        differing = {
            path: (first.get(path), files.get(path))
            for path in first.keys() | files
            if first.get(path) != files.get(path)
        }
        assert differing == {}


def kept(said: str) -> set[str]:
    """The stages of which a command was not run, by what the engine says: `#7 [build 2/9] RUN …`, then `#7 CACHED`."""
    commands = dict(re.findall(r"^(#\d+) \[([a-z-]+) +\d+/\d+\] RUN", said, re.MULTILINE))
    assert commands
    return {commands[step] for step in re.findall(r"^(#\d+) CACHED$", said, re.MULTILINE) if step in commands}
