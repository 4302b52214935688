"""The coverage page says what registry and samples say."""

from __future__ import annotations

import pytest

from . import coverage_page

for _library in ("array_api_strict", "jax", "dask"):
    pytest.importorskip(_library)


def test_the_page_is_up_to_date() -> None:
    assert coverage_page.PAGE.read_text(encoding="utf-8") == coverage_page.page(), (
        "docs/coverage.md is not what registry and samples say: run python -m tests.coverage_page"
    )


def test_no_cell_is_empty() -> None:
    rows = [line.strip("| ").split(" | ") for line in coverage_page.table().splitlines()]
    assert len({len(row) for row in rows}) == 1
    assert all(cell.strip() for row in rows for cell in row)
    assert len(rows) > 150
