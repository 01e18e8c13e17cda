"""Every benchmark reports rows; the table stands at the end of the run."""

import platform

import pytest

ROWS: list[tuple[str, str, str, bool]] = []


@pytest.fixture
def report():
    """``report(what, measured, budget, kept)``: a row of the table, and a failure if it is not kept."""

    def add(what: str, measured: object, budget: str, kept: bool) -> None:
        ROWS.append((what, str(measured), budget, kept))
        assert kept, f"{what}: {measured}, budget {budget}"

    return add


def pytest_terminal_summary(terminalreporter):
    if not ROWS:
        return
    widths = [max(len(row[i]) for row in ROWS) for i in range(3)]
    terminalreporter.section("benchmarks")
    terminalreporter.line(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    for what, measured, budget, kept in ROWS:
        cells = [cell.ljust(width) for cell, width in zip((what, measured, budget), widths, strict=True)]
        terminalreporter.line("  ".join([*cells, "kept" if kept else "MISSED"]))
