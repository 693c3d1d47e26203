"""The subscribers of a run are shared among its processes."""

from __future__ import annotations

import pytest

from longwave.load.churn import ChurnJob
from longwave.load.processes import LoadFailed
from longwave.load.publisher import PublisherJob
from longwave.load.receiver import ReceiverJob, raise_file_limit
from longwave.load.run import make_jobs, run
from longwave.load.scenario import Scenario
from longwave.load.target import LongwaveTarget

TARGET = LongwaveTarget("127.0.0.1", 1)


def test_every_subscriber_belongs_to_one_process():
    jobs = [
        job for job in make_jobs(Scenario(subscribers=10, processes=3), TARGET, "r") if isinstance(job, ReceiverJob)
    ]

    assert [number for job in jobs for number in range(job.first, job.first + job.count)] == list(range(10))


def test_there_is_one_publisher_and_churn_only_where_it_is_asked_for():
    kinds = [type(job) for job in make_jobs(Scenario(churn=5), TARGET, "r")]

    assert kinds == [ReceiverJob, PublisherJob, ChurnJob]
    assert [type(job) for job in make_jobs(Scenario(), TARGET, "r")] == [ReceiverJob, PublisherJob]


def test_unknown_name_is_told_before_anything_starts():
    with pytest.raises(LoadFailed, match=r"expected a server at name\.invalid:80"):
        run(Scenario(), LongwaveTarget("name.invalid", 80))


def test_too_many_connections_for_one_process_are_refused():
    with pytest.raises(ValueError, match="processes: expected enough for"):
        raise_file_limit(10**9)
