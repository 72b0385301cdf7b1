"""What a result file says of its run."""

from prm_jax import provenance


def test_a_run_names_the_environment_that_changes_speed_or_numbers(monkeypatch):
    for name in provenance.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert provenance.run_record("python -m some", 1.0)["environment"] == {}
    monkeypatch.setenv("XLA_FLAGS", "--one --two=3")
    run = provenance.run_record("python -m some", 1.0)
    assert run["environment"] == {"XLA_FLAGS": "--one --two=3"}
    assert provenance.shell_command(run) == "XLA_FLAGS='--one --two=3' python -m some"


def test_a_run_counts_its_processor_time():
    before = provenance.run_record("", 0.0)["processor_seconds"]
    while (after := provenance.run_record("", 0.0)["processor_seconds"]) == before:
        pass
    assert 0 < before < after


def test_older_results_have_no_environment():
    assert provenance.shell_command({"command": "python -m some"}) == "python -m some"
