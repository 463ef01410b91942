"""up, status, scale, webui, doctor, down: what a user sees, and what programs read."""

from __future__ import annotations

import re
import signal

import pytest
import requests
import typer

from dclab.cli.app import app
from dclab.errors import ExitCode

DEPLOYMENTS = {"hasher", "httplat-hasher", "httplat-rng", "redis", "rng", "webui", "worker"}


def test_up_again_changes_nothing(dclab, lab_name):
    before = dclab("status", "--name", lab_name, "--json").data["supervisor_pid"]
    again = dclab("up", "--name", lab_name)
    assert again.code == 0
    assert "was up already" in again.err
    assert re.search(r"Web UI: http://127\.0\.0\.1:\d+", again.out)
    assert dclab("status", "--name", lab_name, "--json").data["supervisor_pid"] == before


def test_status_shows_every_deployment(dclab, lab_name):
    shown = dclab("status", "--name", lab_name)
    assert shown.code == 0
    assert all(one in shown.out for one in DEPLOYMENTS)
    assert "×20" in shown.out
    data = dclab("status", "--name", lab_name, "--json").data
    assert set(data["deployments"]) - {"prometheus"} == DEPLOYMENTS
    assert all(one["ready"] == one["desired"] >= 1 for one in data["deployments"].values())


def test_scale_there_and_back(dclab, lab_name):
    for count in ("3", "1"):
        assert dclab("scale", "worker", count, "--name", lab_name).code == 0
        worker = dclab("status", "--name", lab_name, "--json").data["deployments"]["worker"]
        assert (worker["desired"], worker["ready"], worker["terminating"]) == (int(count), int(count), 0)


@pytest.mark.parametrize("command", [("scale", "worker"), ("scale-sweep", "--workers"), ("latency", "--workers")])
def test_more_than_there_is_room_for_is_refused_before_anything_starts(dclab, lab_name, tmp_path, command):
    refused = dclab(*command, "5000", "--name", lab_name, cwd=tmp_path)
    assert refused.code == ExitCode.ENVIRONMENT
    assert re.search(r"There is room for \d+ replicas of worker, and not for 5000\.", refused.err)
    assert "--force" in refused.err
    assert not list(tmp_path.glob("reports/*"))
    assert dclab("status", "--name", lab_name, "--json").data["deployments"]["worker"]["desired"] == 1


def test_where_many_are_asked_for_it_is_said_for_how_many_there_is_room(dclab, lab_name):
    many = dclab("scale", "worker", "12", "--name", lab_name)
    assert many.code == 0, many.err
    assert re.search(r"There is room for \d+ replicas of worker\. .+\.", many.err)
    assert dclab("scale", "worker", "1", "--name", lab_name).code == 0


def test_webui_prints_an_address_that_answers(dclab, lab_name):
    shown = dclab("webui", "--name", lab_name)
    url = shown.out.strip()
    assert "<html" in requests.get(url, timeout=5).text
    assert set(requests.get(f"{url}/json", timeout=5).json()) == {"coins", "hashes", "now"}
    assert dclab("webui", "--name", lab_name, "--json").data == {"url": url, "opened": False}


def test_webui_at_another_address_is_there_until_ctrl_c(start_dclab, lab_name, tmp_path):
    process = start_dclab("webui", "--name", lab_name, "--address", "0.0.0.0", cwd=tmp_path)
    url = process.stdout.readline().strip()
    port = url.rsplit(":", 1)[1]
    for address in ("127.0.0.1", "127.0.0.2"):
        assert set(requests.get(f"http://{address}:{port}/json", timeout=5).json()) == {"coins", "hashes", "now"}
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == ExitCode.OK
    assert "can use the page, without a password" in err
    assert "Ctrl-C ends it" in err
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/json", timeout=5)


def test_an_address_of_another_machine_is_refused(dclab, lab_name):
    done = dclab("webui", "--name", lab_name, "--address", "192.0.2.1")
    assert done.code == ExitCode.USAGE
    assert "cannot listen at '192.0.2.1'" in done.err


def test_the_source_of_prometheus_is_a_clusters_matter(dclab, lab_name, tmp_path):
    done = dclab("monitor", "--name", lab_name, "--prometheus", "helm", cwd=tmp_path)
    assert done.code == ExitCode.USAGE
    assert "--prometheus applies only to: kube engine." in done.err
    assert list(tmp_path.iterdir()) == []


def test_on_a_remote_machine_the_tunnel_is_printed(dclab, lab_name):
    shown = dclab("webui", "--name", lab_name, env={"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.8 2222"})
    port = shown.out.strip().rsplit(":", 1)[1]
    assert f"ssh -p 2222 -L {port}:127.0.0.1:{port} " in shown.err
    assert "@192.0.2.8" in shown.err
    assert "ssh" not in dclab("webui", "--name", lab_name, env={"SSH_CONNECTION": ""}).err


def test_every_service_is_on_loopback_only(dclab, lab_name):
    urls = dclab("status", "--name", lab_name, "--json").data["urls"]
    assert all(one.startswith("http://127.0.0.1:") for one in urls.values())


def test_doctor_names_what_is_missing_and_how_to_get_it(dclab):
    empty = dclab("doctor", "--json", env={"PATH": "/nonexistent"})
    assert empty.code == 0
    tools = {one["name"]: one for one in empty.data["tools"]}
    assert "apt" in tools["siege"]["install"]
    assert tools["siege"]["path"] is None
    shown = dclab("doctor")
    assert "Engine: embedded" in shown.out


def test_up_on_a_port_of_choice_and_down_twice(dclab):
    from dclab.engines.embedded.listeners import free_port

    port = free_port()
    started = dclab("up", "--name", "port", "--port", str(port), "--json")
    assert started.data["webui"] == f"http://127.0.0.1:{port}"
    taken = dclab("up", "--name", "other", "--port", str(port))
    assert taken.code == 2
    assert f"Port {port} is in use." in taken.err
    assert dclab("down", "--name", "other").code == 0
    assert dclab("down", "--name", "port", "--json").data["ended"] is True
    twice = dclab("down", "--name", "port")
    assert twice.code == 0
    assert "There was no lab" in twice.err


@pytest.mark.parametrize("verb", [*typer.main.get_command(app).commands])
def test_every_verb_has_help_with_an_example(dclab_here, verb):
    shown = dclab_here(verb, "--help", env={"COLUMNS": "100"})
    assert shown.code == 0
    assert f"Example: dclab {verb}" in shown.out


def test_version(dclab):
    from dclab import __version__

    assert dclab("--version").out == f"dclab {__version__}\n"
