"""The ports that tests are given."""

from clients import apus


def test_no_port_is_given_to_two(monkeypatch):
    monkeypatch.setattr(apus, "handed_out", set())
    monkeypatch.setattr(apus, "lowest_ephemeral_port", lambda: 10_100)
    given = [apus.free_port() for _ in range(50)]
    assert len(set(given)) == 50
