"""list and logs: which labs run, and what their replicas print."""

from __future__ import annotations

import signal

from dclab.errors import ExitCode


def test_a_running_lab_is_listed(dclab, lab_name):
    labs = {one["name"]: one for one in dclab("list", "--json").data["labs"]}
    assert labs[lab_name] == {"name": lab_name, "engine": "embedded", "state": "running", "context": None}
    shown = dclab("list")
    assert lab_name in shown.out
    assert "running" in shown.out


def test_where_nothing_runs_list_says_so(dclab, tmp_path):
    tmp_path.chmod(0o700)
    done = dclab("list", env={"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)})
    assert done.code == 0
    assert "There is no such lab." in done.out


def test_no_cluster_is_contacted_that_was_not_named(dclab, lab_name, tmp_path):
    """The kubeconfig's current context leads to a port on which nothing answers: asking it would be told."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{current-context: mine, clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}],"
        " users: [{name: b, user: {}}], contexts: [{name: mine, context: {cluster: a, user: b}}]}"
    )
    env = {"KUBECONFIG": str(kubeconfig), "XDG_STATE_HOME": str(tmp_path)}
    assert {one["engine"] for one in dclab("list", "--json", env=env).data["labs"]} == {"embedded"}
    named = dclab("list", "--json", "--context", "mine", env=env).data["labs"]
    assert [one["state"] for one in named if one["context"] == "mine"] == ["not answering"]


def test_logs_of_one_deployment_and_of_all(dclab, lab_name):
    one = dclab("logs", "redis", "--name", lab_name, "--json")
    assert one.code == 0, one.err
    assert one.data["log"]
    assert all(line["replica"].startswith("redis-") for line in one.data["log"])
    text = dclab("logs", "redis", "--tail", "1", "--name", lab_name).out.splitlines()
    assert len(text) == 1
    assert text[0].startswith("redis-")
    everything = dclab("logs", "--name", lab_name, "--json").data["log"]
    assert {line["replica"].split("-")[0] for line in everything} >= {"redis", "worker"}


def test_logs_of_what_is_not_there(dclab, lab_name):
    done = dclab("logs", "pinger", "--name", lab_name)
    assert done.code == ExitCode.USAGE
    assert "There are:" in done.err


def test_logs_are_followed_until_ctrl_c(start_dclab, dclab, lab_name, tmp_path):
    process = start_dclab("logs", "worker", "-f", "--tail", "1", "--name", lab_name, cwd=tmp_path)
    first = process.stdout.readline()
    assert first.startswith("worker-")
    replica = first.split(":")[0]
    assert dclab("scale", "worker", "2", "--name", lab_name).code == 0
    # A worker prints about once a second; the new one is followed, too.
    seen = set()
    while not seen - {replica}:
        seen.add(process.stdout.readline().split(":")[0])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == ExitCode.OK
    assert "Traceback" not in err
    assert dclab("scale", "worker", "1", "--name", lab_name).code == 0
