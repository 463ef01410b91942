"""What a release consists of: complete, small, checked, and the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser

import pytest

from dclab import __version__
from tests.conftest import CHECKOUT
from tests.distribution import artefacts

PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder of artefacts."""
    folder = tmp_path_factory.mktemp("dist")
    artefacts.build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(artefacts.wheel(built)) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel):
    return HeaderParser().parsestr(wheel.read(f"dockercoins_lab-{__version__}.dist-info/METADATA").decode())


def test_what_there_is(built):
    name = f"dockercoins_lab-{__version__}"
    expected = ["SHA256SUMS", f"{name}-py3-none-any.whl", f"{name}.cdx.json", f"{name}.tar.gz"]
    assert sorted(file.name for file in built.iterdir()) == expected
    assert artefacts.wheel(built).stat().st_size < artefacts.WHEEL_MB * 1e6


def test_checksums(built):
    sums = dict(line.split("  ")[::-1] for line in (built / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in built.iterdir()
        if file.name != "SHA256SUMS"
    }
    subprocess.run(["sha256sum", "--quiet", "--check", "SHA256SUMS"], cwd=built, check=True)


def test_the_same_bytes_again(built, tmp_path):
    artefacts.build(tmp_path / "again")
    assert (tmp_path / "again" / "SHA256SUMS").read_text() == (built / "SHA256SUMS").read_text()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(RuntimeError, match="is not empty"):
        artefacts.build(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


def tracked(*folders: str) -> set[str]:
    done = subprocess.run(["git", "ls-files", *folders], cwd=CHECKOUT, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_wheel_has_all_that_dclab_runs_and_nothing_else(wheel):
    names = set(wheel.namelist())
    info = f"dockercoins_lab-{__version__}"
    extra = {
        f"{info}.dist-info/{one}" for one in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    page = f"{info}.data/data/share/man/man1/dclab.1"
    shipped = {f"dclab/_data/{one}" for one in tracked("apps", "manifests")}
    assert names == tracked("dclab") | shipped | extra | {page}
    assert wheel.read(page) == (CHECKOUT / "docs" / "dclab.1").read_bytes()
    assert wheel.read(f"{info}.dist-info/licenses/LICENSE") == (CHECKOUT / "LICENSE").read_bytes()


def test_the_source_distribution_has_what_git_has(built):
    with tarfile.open(built / f"dockercoins_lab-{__version__}.tar.gz") as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    single = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore", "PKG-INFO"}
    assert names == tracked("dclab", "apps", "manifests", "docs", "tests") | single


def test_metadata(metadata):
    assert metadata["Name"] == "dockercoins-lab"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "DockerCoins" in metadata["Summary"]
    assert len(metadata.get_all("Requires-Dist")) == len(PROJECT["dependencies"])


def test_classifiers_are_pypis_own_and_begin_with_the_oldest_python(metadata):
    from trove_classifiers import classifiers

    found = metadata.get_all("Classifier")
    assert set(found) <= classifiers
    pythons = [one.rsplit(" ", 1)[1] for one in found if re.search(r":: 3\.\d+$", one)]
    assert pythons[0] == metadata["Requires-Python"].removeprefix(">=")
    assert pythons == [f"3.{minor}" for minor in range(11, 11 + len(pythons))]


def test_the_sbom_lists_what_is_locked(built):
    sbom = json.loads((built / f"dockercoins_lab-{__version__}.cdx.json").read_text())
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    own = sbom["metadata"]["component"]
    assert (own["name"], own["version"], own["type"]) == ("dockercoins-lab", __version__, "application")
    locked = re.findall(r"^([\w.-]+)==([\w.+]+)", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE)
    assert {(one["name"], one["version"]) for one in sbom["components"]} == set(locked)
    assert all(one["externalReferences"][0]["hashes"] for one in sbom["components"])
    assert all(one["purl"].startswith("pkg:pypi/") for one in sbom["components"])
    assert str(CHECKOUT) not in json.dumps(sbom)
