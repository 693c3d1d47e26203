"""Examines a server of event streams, any server's: what was asked, what was seen, and what it means."""

from longwave.doctor.checks import CHECKS, examine
from longwave.doctor.finding import Finding, Verdict, is_healthy
from longwave.doctor.inquiry import Inquiry
from longwave.doctor.observation import Observation
from longwave.doctor.probe import observe

__all__ = ["CHECKS", "Finding", "Inquiry", "Observation", "Verdict", "examine", "is_healthy", "observe"]
