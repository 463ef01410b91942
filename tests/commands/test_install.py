"""doctor --install: the lines, and that nothing is installed whose checksum is wrong."""

from __future__ import annotations

import hashlib
import re
import subprocess

import pytest

from dclab.errors import ExitCode
from dclab.install import INSTALLABLE, install_lines


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


def test_only_what_is_missing_is_installed():
    assert install_lines("Linux", "x86_64", []) == []
    assert install_lines("Darwin", "arm64", ["docker", "conntrack", "minikube"]) == [
        "brew install --cask docker",
        "brew install minikube",
    ]
    (update, siege) = install_lines("Linux", "x86_64", ["siege"])
    assert (update, siege.split()[-1]) == ("sudo apt-get update", "siege")


@pytest.fixture
def machine(tmp_path):
    """A machine on which all but minikube is there, whose curl serves a file and its checksum, and whose sudo notes."""
    programs = tmp_path / "bin"
    programs.mkdir()

    def program(name, text="exit 0"):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)

    for one in INSTALLABLE:
        if one != "minikube":
            program(one)
    program("sudo", f'echo "$@" >> {tmp_path}/sudo')

    def serve(checksum):
        program("curl", f'case "$*" in *.sha256) echo {checksum};; *) printf content > minikube;; esac')

    return {"PATH": f"{programs}:/usr/bin:/bin"}, serve


def test_a_right_checksum_is_installed(dclab, machine, tmp_path):
    env, serve = machine
    serve(hashlib.sha256(b"content").hexdigest())
    done = dclab("doctor", "--install", "--yes", env=env)
    assert done.code == 0, done.err
    assert "Installed: minikube." in done.err
    assert (tmp_path / "sudo").read_text().strip() == "install minikube /usr/local/bin/minikube"


def test_a_wrong_checksum_is_not_installed(dclab, machine, tmp_path):
    env, serve = machine
    serve("0" * 64)
    done = dclab("doctor", "--install", "--yes", env=env)
    assert done.code == ExitCode.ENVIRONMENT
    assert not (tmp_path / "sudo").exists()


def test_without_yes_they_are_only_printed(dclab, machine, tmp_path):
    env, serve = machine
    serve("")
    done = dclab("doctor", "--install", env=env)
    assert "sha256sum --check" in done.out
    assert not (tmp_path / "sudo").exists()
