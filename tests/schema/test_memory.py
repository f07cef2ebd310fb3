"""The memory limit of the process's cgroup, and what `maxMemory` is without a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from configuring import Load

from appliance.config.memory import MIB, cgroup_limit, default_max_memory

UNLIMITED_1 = "9223372036854771712"  # as version 1 writes it


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(None, 128 * MIB), (128 * MIB, 64 * MIB), (73 * MIB, 9 * MIB), (72 * MIB, 8 * MIB), (10 * MIB, 8 * MIB)],
)
def test_the_default(limit: int | None, expected: int) -> None:
    assert default_max_memory(limit) == expected


# The lines of /proc/self/cgroup and the files below /sys/fs/cgroup → the limit.
TREES: dict[str, tuple[str, dict[str, str], int | None]] = {
    "version 2 in a container, the group being the root": ("0::/\n", {"memory.max": "134217728\n"}, 128 * MIB),
    "version 2 without a limit": ("0::/\n", {"memory.max": "max\n"}, None),
    "version 2 on a host, the root having no file": (
        "0::/system.slice/x.service\n",
        {"system.slice/x.service/memory.max": "1048576\n"},
        MIB,
    ),
    "a limit above the own group holds too": (
        "0::/pod/container\n",
        {"pod/memory.max": "1048576\n", "pod/container/memory.max": "max\n"},
        MIB,
    ),
    "a path that leaves the namespace's root": ("0::/../other\n", {"memory.max": "1048576\n"}, MIB),
    "version 1": (
        "4:memory:/docker/abc\n0::/\n",
        {"memory/memory.limit_in_bytes": UNLIMITED_1, "memory/docker/abc/memory.limit_in_bytes": "1048576"},
        MIB,
    ),
    "version 1 in a container, where the host's path does not exist": (
        "11:cpu,cpuacct:/kubepods/abc\n4:memory:/kubepods/abc\n",
        {"memory/memory.limit_in_bytes": "2097152\n"},
        2 * MIB,
    ),
    "version 1 without a limit": ("4:memory:/\n", {"memory/memory.limit_in_bytes": UNLIMITED_1}, None),
    "version 1, memory beside another controller": (
        "4:hugetlb,memory:/\n",
        {"memory/memory.limit_in_bytes": "1048576"},
        MIB,
    ),
    "a group name with a colon": ("0::/a:b\n", {"a:b/memory.max": "1048576"}, MIB),
    "files that say nothing": ("0::/\n", {"memory.max": ""}, None),
    "no groups": ("", {}, None),
}


@pytest.mark.parametrize("case", TREES)
def test_trees(tmp_path: Path, case: str) -> None:
    groups, files, expected = TREES[case]
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "root" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert cgroup_limit(str(tmp_path / "groups"), str(tmp_path / "root")) == expected


def test_a_machine_without_cgroups(tmp_path: Path) -> None:
    assert cgroup_limit(str(tmp_path / "absent"), str(tmp_path)) is None


def test_the_real_one_is_what_the_settings_take(load: Load) -> None:
    settings = load("ports: [1]")
    assert settings.values["maxMemory"] == default_max_memory(cgroup_limit())
    assert settings.origin("maxMemory") == "default"


def test_more_than_the_limit_is_worth_a_warning(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.config.rules.cgroup_limit", lambda: 100 * MIB)
    assert load("ports: [1]", maxMemory=100 * MIB).warnings == ()
    assert load("ports: [1]", maxMemory=101 * MIB).warnings == (
        f"maxMemory ({101 * MIB}) is above the cgroup's memory limit ({100 * MIB})",
    )
