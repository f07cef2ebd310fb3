"""How much memory the process may take: the cgroup's limit, and the shares of `maxMemory`."""

from __future__ import annotations

from collections.abc import Iterator

MIB = 1 << 20

# What Python, its libraries and the kernel's ring take beside `maxMemory`.
BASE = 64 * MIB
LEAST = 8 * MIB
WITHOUT_LIMIT = 128 * MIB

# Version 1 writes its largest page-aligned number where there is no limit; version 2 writes "max".
_NO_LIMIT = 1 << 60


def default_max_memory(limit: int | None) -> int:
    return WITHOUT_LIMIT if limit is None else max(limit - BASE, LEAST)


def cgroup_limit(groups: str = "/proc/self/cgroup", root: str = "/sys/fs/cgroup") -> int | None:
    """The smallest memory limit that holds for this process, in bytes; None where there is none.

    The process's group and every one above it count. In a container without a cgroup namespace the path of
    /proc/self/cgroup is the host's and does not exist below `root`: then the root is the container's own group.
    """
    limits = [limit for name in _limit_files(groups, root) if (limit := _read_limit(name)) is not None]
    return min(limits, default=None)


def _limit_files(groups: str, root: str) -> Iterator[str]:
    for controllers, path in _groups(groups):
        if controllers == "":
            base, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            base, name = f"{root}/memory", "memory.limit_in_bytes"
        else:
            continue
        yield f"{base}/{name}"
        # A path that leaves the namespace's root begins with "..": nothing of it can be seen.
        parts = [part for part in path.split("/") if part and part != ".."]
        yield from (f"{base}/{'/'.join(parts[:end])}/{name}" for end in range(1, len(parts) + 1))


def _groups(name: str) -> Iterator[tuple[str, str]]:
    """The lines `id:controllers:path` of /proc/self/cgroup; version 2 names no controllers (cgroups(7))."""
    try:
        with open(name, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                _, _, rest = line.rstrip("\n").partition(":")
                controllers, _, path = rest.partition(":")
                yield controllers, path
    except OSError:
        return


def _read_limit(name: str) -> int | None:
    try:
        with open(name, encoding="ascii") as file:
            limit = int(file.read())
    except (OSError, ValueError):
        return None
    return limit if limit < _NO_LIMIT else None
