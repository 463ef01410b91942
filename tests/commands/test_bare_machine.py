"""A machine that has none of the programs that dclab uses where they are installed."""

from __future__ import annotations

from dclab.run_folder import load_results


def test_a_machine_without_redis_siege_and_prometheus(dclab, tmp_path):
    bare = {"PATH": "/nonexistent"}
    assert dclab("up", "--name", "bare", env=bare).code == 0
    try:
        load = dclab("loadtest", "--time", "2s", "--name", "bare", "--out", str(tmp_path / "load"), "--json", env=bare)
        assert load.data["loadtest"]["generator"] == "built-in"
        assert load.data["loadtest"]["transactions"] > 5
        shown = dclab(
            "monitor", "--seconds", "7s", "--window", "5s", "--name", "bare", "--out", str(tmp_path / "watch"), env=bare
        )
        assert "Prometheus is not installed" in shown.out
        found = load_results(tmp_path / "watch").monitoring
        assert (found.source, set(found.series)) == ("exporter", {"rng", "hasher"})
        assert all(found.series.values())
    finally:
        assert dclab("down", "--name", "bare", env=bare).code == 0
