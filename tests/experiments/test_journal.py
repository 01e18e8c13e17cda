import os
import subprocess
import sys

import pytest

from effnet_lib.experiments.journal import Journal, key_of

WRITER = """
import sys
from effnet_lib.experiments.journal import Journal
journal = Journal(sys.argv[1])
for i in range(10**6):
    journal.add({"n": i}, {"square": i * i, "padding": "x" * 500})
    print(i, flush=True)
"""


def test_what_was_reported_finished_survives_a_kill(tmp_path):
    path = tmp_path / "deep" / "journal.jsonl"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    reported = [int(writer.stdout.readline()) for _ in range(200)]
    writer.kill()
    writer.wait()
    writer.stdout.close()
    journal = Journal(path)
    for n in reported:
        assert journal[{"n": n}]["square"] == n * n


def test_a_line_cut_by_a_kill_is_dropped_and_the_journal_goes_on(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.add({"n": 1}, {"r": "ü"})
    journal.add({"n": 2}, {"r": 4})
    content = path.read_bytes()
    for cut in range(1, 40):
        path.write_bytes(content[:-cut])
        found = Journal(path)
        assert {"n": 1} in found
        assert {"n": 2} not in found
        found.add({"n": 2}, {"r": 4})
        assert path.read_bytes() == content


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"key": "a", "result": {}}\nnonsense\n{"key": "b", "result": {}}\n')
    with pytest.raises(ValueError, match=r"journal\.jsonl: line 2 is damaged"):
        Journal(path)


def test_equal_jobs_have_equal_keys_whatever_their_order():
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1}) != key_of({"a": 1, "b": [2, 1]})


def test_an_empty_journal_makes_no_file(tmp_path):
    assert len(Journal(tmp_path / "none.jsonl")) == 0
    assert os.listdir(tmp_path) == []
