"""doctor --install: the lines, and that nothing is installed whose checksum is wrong."""

from __future__ import annotations

import re
import subprocess

import pytest

from dclab.errors import ExitCode
from dclab.install import DOWNLOADS, INSTALLABLE, install_lines


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_download_is_checked_before_it_is_installed(machine):
    lines = install_lines("Linux", machine, INSTALLABLE)
    assert subprocess.run(["sh", "-n", "-c", "\n".join(lines)], check=False).returncode == 0
    for index, line in enumerate(lines):
        if line.startswith("sudo install"):
            before = lines[max(0, index - 3) : index]
            assert any("sha256sum --check" in one for one in before)
        if "curl" in line:
            assert "https://" in line
            assert "-f" in line
    assert not any(re.search(r"\| (ba)?sh\b", line) for line in lines)


def test_versions_are_fixed_and_checksums_are_dclabs_own():
    for download in DOWNLOADS.values():
        assert re.search(r"/(helm-)?v\d+\.\d+\.\d+[-/]", download.url)
        assert set(download.sha256) == {"amd64", "arm64"}
        assert all(re.fullmatch("[0-9a-f]{64}", one) for one in download.sha256.values())
    text = "\n".join(install_lines("Linux", "x86_64", INSTALLABLE))
    assert "latest" not in text
    assert ".sha256" not in text


def test_only_what_is_missing_is_installed():
    assert install_lines("Linux", "x86_64", []) == []
    assert install_lines("Darwin", "arm64", ["docker", "conntrack", "minikube"]) == [
        "brew install --cask docker",
        "brew install minikube",
    ]
    (update, siege) = install_lines("Linux", "x86_64", ["siege"])
    assert (update, siege.split()[-1]) == ("sudo apt-get update", "siege")


def test_without_a_checksum_nothing_is_downloaded():
    (line,) = install_lines("Linux", "riscv64", ["helm", "minikube"])
    assert line.startswith("# Install minikube, helm by hand")


@pytest.fixture
def machine(tmp_path):
    """A machine on which all but minikube is there, whose curl serves a file and whose sudo notes."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def program(name, text="exit 0"):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)

    for one in INSTALLABLE:
        if one != "minikube":
            program(one)
    program("sudo", f'echo "$@" >> {tmp_path}/sudo')
    program("curl", "printf content > minikube")

    def checksums(verdict):
        """Only who published the real file has one of its checksum: sha256sum's verdict stands in for it."""
        program("sha256sum", f'cat > {tmp_path}/checked; test "$(cat minikube)" = content && exit {verdict}')

    work = tmp_path / "work"
    work.mkdir()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return {"PATH": f"{programs}:/usr/bin:/bin", "TMPDIR": str(temporary)}, checksums, work


def test_a_right_checksum_is_installed(dclab, machine, tmp_path):
    env, checksums, _ = machine
    checksums(0)
    done = dclab("doctor", "--install", "--yes", env=env)
    assert done.code == 0, done.err
    assert "Installed: minikube." in done.err
    assert (tmp_path / "sudo").read_text().strip() == "install minikube /usr/local/bin/minikube"
    assert "  minikube" in (tmp_path / "checked").read_text()


def test_a_wrong_checksum_is_not_installed(dclab, machine, tmp_path):
    env, _, _ = machine
    done = dclab("doctor", "--install", "--yes", env=env)  # by the machine's own sha256sum
    assert done.code == ExitCode.ENVIRONMENT
    assert not (tmp_path / "sudo").exists()


@pytest.mark.parametrize("verdict", [0, 1])
def test_the_printed_lines_stop_at_a_wrong_checksum_and_leave_no_file(dclab, machine, tmp_path, verdict):
    env, checksums, work = machine
    checksums(verdict)
    lines = dclab("doctor", "--install", env=env).out
    assert not (tmp_path / "sudo").exists()
    # As pasted into a shell: without -e.
    done = subprocess.run(["sh", "-c", lines], check=False, cwd=work, env=env)
    assert done.returncode == verdict
    assert (tmp_path / "sudo").exists() is (verdict == 0)
    assert list(work.iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_other_project_of_that_name_is_told_of(dclab, tmp_path):
    """On PyPI dclab is another project, which provides a package of the same name."""
    assert dclab("doctor", "--json").data["other_dclab"] is None
    other = tmp_path / "dclab-0.67.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: dclab\nVersion: 0.67.0\n")
    shown = dclab("doctor", env={"PYTHONPATH": str(tmp_path)})
    assert "The project dclab 0.67.0 of PyPI is installed in this environment, too." in shown.out
    assert "pipx install dockercoins-lab" in shown.out
