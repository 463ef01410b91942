"""Whether a lab is still the lesson, through the command line."""

from __future__ import annotations

from dclab.engines.embedded import launch


def test_an_app_as_it_should_be_and_a_spoiled_one(dclab, lab_name, tmp_path):
    lab = launch.find_lab(lab_name)
    workers = lab.replicas("worker").desired
    done = dclab("check-app", "--name", lab_name, "--out", str(tmp_path / "good"), "--json")
    assert done.code == 0, done.err
    assert done.data["holds"] is True
    assert len(done.data["checks"]) == 8
    assert lab.replicas("worker").desired == workers
    lab.configure("rng", {"THREADS": "10"})
    try:
        spoiled = dclab("check-app", "--name", lab_name, "--out", str(tmp_path / "spoiled"))
    finally:
        lab.configure("rng", {})
    assert spoiled.code == 1
    assert "✗ rng serves one request at a time" in spoiled.out
    assert "✗ 10 workers make 10.0 hashes/s" in spoiled.out
    assert "✓ hasher serves several requests at once" in spoiled.out
    assert "2 of 8 properties do not hold" in spoiled.err


def test_an_address_alone(dclab, lab_name):
    lab = launch.find_lab(lab_name)
    done = dclab("check-app", "--webui", lab.url("webui"), "--json")
    assert done.code == 0, done.err
    assert len(done.data["checks"]) == 1
    refused = dclab("check-app", "--webui", lab.url("webui"), "--name", lab_name)
    assert refused.code == 2
    assert "--webui checks without a lab" in refused.err
