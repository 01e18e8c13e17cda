"""The table of compressed networks holds what the tables of their chapters hold."""

from __future__ import annotations

import json
import shutil

import pytest

from effnet_lib import results
from effnet_lib.experiments.compressed import TABLE, rows_of, sources, write


def test_every_row_is_that_of_its_source_table_from_three_seeds_at_least():
    stored = list(results.load(TABLE))
    again = rows_of(sources(), {row["name"]: row for row in stored})
    assert json.loads(json.dumps(again)) == stored
    assert min(len(row["runs"]) for row in stored) >= 3


def test_written_again_without_measuring_the_table_is_the_same_to_the_byte(tmp_path):
    before = results.FOLDER / f"{TABLE}.json"
    shutil.copy(before, tmp_path)
    assert write(False, tmp_path).read_bytes() == before.read_bytes()


def test_without_latencies_to_carry_over_it_says_so(tmp_path):
    with pytest.raises(ValueError, match="measure must be True the first time"):
        write(False, tmp_path)
