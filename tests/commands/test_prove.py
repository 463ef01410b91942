"""The whole proof by intervention; in a file of its own, since it takes a worker of the tests more than a minute."""

from __future__ import annotations


def test_prove_changes_one_thing_at_a_time_and_puts_it_back(experiment, dclab, lab_name):
    before = dclab("status", "--name", lab_name, "--json").data["deployments"]
    data, results, _ = experiment("prove", "--seconds", "5", "--workers", "5")
    rates = {one["name"]: one["hashes_per_second"]["mean"] for one in data["interventions"]}
    assert set(rates) == {
        "as it is",
        "rng x2",
        "hasher x2",
        "rng x3",
        "rng x4",
        "rng with 10 threads",
        "rng x3, round robin",
        "rng x3, better of two",
        "as it is, afterwards",
    }
    assert rates["rng x2"] > 1.2 * rates["as it is"]
    assert rates["hasher x2"] < 1.2 * rates["as it is"]
    assert rates["rng with 10 threads"] > 1.4 * rates["as it is"]
    assert (results.bottleneck.service, results.bottleneck.certainty) == ("rng", "proved")
    codes = {one.code for one in results.bottleneck.evidence}
    assert codes >= {"scaling-helps", "threads-help", "redis-quick"}
    assert codes & {"chance-costs", "chance-cannot-tell"}
    after = dclab("status", "--name", lab_name, "--json").data["deployments"]
    assert {name: one["desired"] for name, one in after.items() if name != "worker"} == {
        name: one["desired"] for name, one in before.items() if name != "worker"
    }
