"""Who is told what a source does: the log, and the shield around whoever else."""

from __future__ import annotations

import inspect
import logging

import pytest

from longwave.client.observer import LoggingObserver, Observer, Shielded
from longwave.client.received_event import ReceivedEvent
from longwave.client.response import Response
from longwave.errors import RequestFailed
from unit.client.scripted_transport import Recorder

NEWS = {
    "opened": (Response(200, {"set-cookie": "s3cret"}, "https://u:s3cret@a.test/x?authorization=s3cret&topic=t"),),
    "event": (ReceivedEvent("s3cret"),),
    "comment": ("s3cret",),
    "retry": ("why", 1.25),
    "error": (RequestFailed("no"),),
    "closed": ("by its user",),
}


def tell(observer):
    for name, news in NEWS.items():
        getattr(observer, name)(*news)


def test_news_are_all_that_an_observer_has():
    methods = {name for name, _ in inspect.getmembers(Observer, inspect.isfunction) if not name.startswith("_")}

    assert methods == set(NEWS)


def test_observer_that_overrides_nothing_may_be_told_everything(caplog):
    tell(Observer())

    assert not caplog.records


def test_connections_are_logged_and_secrets_are_not(caplog):
    caplog.set_level(logging.DEBUG, "longwave.client")
    tell(LoggingObserver())

    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        ("longwave.client", "INFO", "https://a.test/x?authorization=***&topic=t: the stream is open"),
        ("longwave.client", "WARNING", "why; trying again in 1.2 s"),
        ("longwave.client", "ERROR", "no"),
        ("longwave.client", "INFO", "closed: by its user"),
    ]


def test_shield_passes_everything_on():
    recorder, direct = Recorder(), Recorder()
    tell(Shielded(recorder))
    tell(direct)

    assert recorder.told == direct.told
    assert recorder.names == list(NEWS)


@pytest.mark.parametrize("name", NEWS)
def test_what_an_observer_raises_is_logged_and_goes_no_further(name, caplog):
    class Faulty(Observer):
        pass

    def fail(*_):
        raise RuntimeError("my own fault")

    setattr(Faulty, name, fail)
    tell(Shielded(Faulty()))

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.getMessage().endswith(f"from its method {name}")
    assert str(record.exc_info[1]) == "my own fault"


def test_interrupt_in_an_observer_is_an_interrupt():
    class Interrupted(Observer):
        def comment(self, text):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Shielded(Interrupted()).comment("")
