"""The course's report, the archive that is handed in, and what `verify` makes of archives: through the command line."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile

import pytest

from dclab.errors import ExitCode
from tests.conftest import CHECKOUT
from tests.verify.archives import BAD, files_of, tar_of, zip_of

SAMPLE = CHECKOUT / "reports" / "sample-embedded"


@pytest.fixture(scope="module")
def files():
    return files_of(SAMPLE)


@pytest.fixture
def run(tmp_path):
    """A run with a sweep alone, whose report is quickly made."""
    folder = tmp_path / "reports" / "my-run"
    shutil.copytree(SAMPLE / "raw", folder / "raw")
    data = json.loads((SAMPLE / "results.json").read_text())
    keep = ("schema", "engine", "lab", "command", "started", "environment", "quick", "finished", "sweep")
    (folder / "results.json").write_text(json.dumps({name: data[name] for name in keep}))
    return folder


def test_the_report_of_a_course_and_its_archive(dclab_here, run):
    (run / "notes.txt").write_text("mine")
    done = dclab_here("report", str(run), "--course", "csc4160-f25", "--hand-in")
    assert done.code == 0, done.err
    assert "✓ 2 Performance at different numbers of workers" in done.out
    assert "✗ 1 Resources of the pods: `dclab run`" in done.out
    assert "2 of 8 marks are answered in full." in done.out
    assert "Not in it, since dclab did not write it: notes.txt" in done.out
    archive = run.parent / "my-run-csc4160-f25.zip"
    first = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert opened.testzip() is None
    inside = "my-run-csc4160-f25"
    expected = {f"{inside}/{one}" for one in ("report.html", "report.md", "results.json", "sweep.png")}
    assert expected <= set(names)
    assert f"{inside}/raw/counter.jsonl" in names
    assert not any("notes" in one for one in names)
    os.utime(run / "report.md", (1, 1))
    again = dclab_here("report", str(run), "--course", "csc4160-f25", "--hand-in", "--json")
    assert archive.read_bytes() == first
    assert again.data["archive"] == str(archive)
    assert [one["state"] for one in again.data["questions"]] == ["answered", *["missing"] * 5]
    assert again.data["contents"] == [one.removeprefix(f"{inside}/") for one in names]


def test_in_chinese_too(dclab_here, run):
    assert dclab_here("report", str(run), "--course", "hkust-a6", "--lang", "zh").code == 0
    text = (run / "report.md").read_text()
    assert "## 1. 不同 worker 数量下的性能（2 分）" in text
    assert "✎" not in text  # by hand alone is no question of this sheet
    assert "dclab hpa\\-compare" in text or "dclab hpa-compare" in text


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("{home}/course/x", "a folder of this machine"),
        ("https://me:secret@example.org/", "a password in a URL"),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", "a token"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
        ("arn:aws:iam::123456789012:user/me", "an ARN"),
    ],
)
def test_what_is_private_is_not_handed_in(dclab_here, run, monkeypatch, secret, said):
    monkeypatch.setenv("HOME", "/home/ada")
    with (run / "raw" / "siege.jsonl").open("a") as file:
        file.write(json.dumps({"log": secret.format(home="/home/ada")}) + "\n")
    done = dclab_here("report", str(run), "--hand-in")
    assert done.code == ExitCode.REFUSED
    assert "raw/siege.jsonl" in done.err
    assert said in done.err
    assert not list(run.parent.glob("*.zip"))


def test_a_link_is_not_handed_in(dclab_here, run, tmp_path):
    (tmp_path / "secret").write_text("mine")
    (run / "raw" / "x.jsonl").symlink_to(tmp_path / "secret")
    done = dclab_here("report", str(run), "--hand-in")
    assert done.code == ExitCode.USAGE
    assert "is a link" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--course", "csc4160"), "It knows csc4160-f24, csc4160-f25, hkust-a6."),
        (("--course", "nowhere.yaml"), "nowhere.yaml cannot be read."),
        (("--course", "broken.yaml"), "Line 2, column"),
        (("--course", "mine.yaml"), "Question 1, marks: Expected `float`, got `str`."),
    ],
)
@pytest.mark.parametrize("verb", ["report", "run"])
def test_a_course_that_is_none_is_refused_before_anything_else(dclab_here, run, verb, arguments, said):
    (run.parent / "broken.yaml").write_text("course: [")
    (run.parent / "mine.yaml").write_text("{course: a, title: a, questions: [{title: a, marks: x, parts: [speed]}]}")
    before = sorted(run.rglob("*"))
    given = (str(run),) if verb == "report" else ("--quick",)
    done = dclab_here(verb, *given, *arguments, cwd=run.parent)
    assert done.code == ExitCode.USAGE
    assert done.out == ""
    assert said in done.err
    assert sorted(run.rglob("*")) == before
    assert sorted(one.name for one in run.parent.iterdir()) == ["broken.yaml", "mine.yaml", "my-run"]


@pytest.mark.parametrize("option", [("--course", "csc4160-f24"), ("--hand-in",)])
def test_of_several_runs_there_is_no_sheet(dclab_here, run, option):
    done = dclab_here("report", str(run), str(run), *option)
    assert done.code == ExitCode.USAGE
    assert f"{option[0]} applies to a single run." in done.err


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "GNU sparse off", "results.json itself"])
def test_an_archive_of_an_honest_run_fits(dclab_here, files, tmp_path, kind):
    archive = tmp_path / "run.archive"
    if kind == "results.json itself":
        archive = SAMPLE / "results.json"
    elif kind == "GNU sparse off":
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.PAX_FORMAT) as opened:
            opened.add(SAMPLE, "a run")
        archive.write_bytes(made.getvalue())
    else:
        archive.write_bytes({"zip": zip_of, "tar.gz": tar_of}[kind](files))
    done = dclab_here("verify", str(archive))
    assert done.code == 0, done.out + done.err
    assert "✓ 16 rates" in done.out


@pytest.mark.parametrize("what", BAD)
def test_a_bad_archive_is_refused_with_a_sentence(dclab_here, files, tmp_path, monkeypatch, what):
    make, said = BAD[what]
    archive = tmp_path / "in" / "run.archive"
    archive.parent.mkdir()
    archive.write_bytes(make(files))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    done = dclab_here("verify", str(archive))
    assert done.code == ExitCode.USAGE, done.out + done.err
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert str(scratch) not in done.err
    assert len(done.err.splitlines()) <= 3
    assert list(scratch.iterdir()) == []
    assert [one.name for one in tmp_path.iterdir()] in (["in", "scratch"], ["scratch", "in"])


def test_a_huge_archive_is_not_read(dclab_here, tmp_path):
    archive = tmp_path / "huge.zip"
    with archive.open("wb") as file:
        file.write(b"PK\x03\x04")
        file.truncate(10_000_000_000)
    done = dclab_here("verify", str(archive))
    assert (done.code, "too large" in done.err) == (ExitCode.USAGE, True)


def test_a_pipe_is_no_archive(dclab_here, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    done = dclab_here("verify", str(tmp_path / "pipe"))
    assert (done.code, "a pipe" in done.err) == (ExitCode.USAGE, True)
