"""The HTML page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser, show
from packets import pcap
from packets.files import frames
from packets.segment import End
from plan import Connection, in_order, random_connections
from running import command
from selenium.webdriver import Chrome

HOSTILE = "/<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert library.exists()
    folder = tmp_path_factory.mktemp("page")
    connections = random_connections(11)
    hostile = Connection(End("10.66.0.1", 50000), connections[0].segments[0].time)
    hostile.open()
    hostile.exchange(HOSTILE, think=1000, wait=1000, gaps=[])
    capture, file = folder / "some.pcap", folder / "timing.html"
    capture.write_bytes(pcap(frames(in_order([*connections, hostile]))))
    done = command(capture, "--html", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return file


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True])
def test_readable(chrome: Chrome, page: Path, width: int, dark: bool) -> None:
    show(chrome, page, width=width, dark=dark)
    facts: dict[str, Any] = chrome.execute_script(
        """
        const seen = element => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0 };
        const style = element => getComputedStyle(element);
        return {
            overflow: document.documentElement.scrollWidth - innerWidth,
            plots: [...document.querySelectorAll('svg.plot')].filter(seen).map(plot => plot.getAttribute('aria-label')),
            rows: [...document.querySelectorAll('svg.row')].filter(seen).length,
            smallest: Math.min(...[...document.querySelectorAll('svg.plot text')].map(
                text => parseFloat(style(text).fontSize) * text.getCTM().a)),
            outside: [...document.querySelectorAll('svg.plot text')].filter(text => {
                const box = text.getBoundingClientRect(), plot = text.ownerSVGElement.getBoundingClientRect();
                return box.left < plot.left - 1 || box.right > plot.right + 1 }).map(text => text.textContent),
            text: style(document.body).color, back: style(document.body).backgroundColor,
        }
        """
    )
    assert facts["overflow"] <= 0  # nobody scrolls sideways
    assert facts["plots"] == ["Think time", "Time to first byte", "Cumulative delays", "Throughput"]
    assert facts["rows"] == 6  # users
    assert facts["smallest"] >= 9
    assert facts["outside"] == []
    assert contrast(facts["text"], facts["back"]) >= 7  # WCAG 2.2, AAA
    assert (luminance(facts["back"]) < 0.1) == dark


def test_self_contained_and_safe(chrome: Chrome, page: Path) -> None:
    show(chrome, page, width=800)
    assert chrome.title == "Timing of some.pcap"
    assert "<script>document.title='owned'</script>" in chrome.find_element("tag name", "body").text
    loaded = chrome.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded == []
    assert chrome.get_log("browser") == []
    assert page.stat().st_size < 200_000


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Of "rgb(r, g, b)", by WCAG 2.2."""
    parts = [int(part) / 255 for part in color.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
