"""A clock that stands still until a test moves it, so that no token expires before the test has come so far.

Not here: the loop's clock, by which a server looks now and then whether a token has expired.
"""

from __future__ import annotations

import time


class StoppedClock:
    """The Unix time by which a server judges tokens; `now` is moved by the test, `looks` counts who asked for it."""

    def __init__(self, site):
        self.now = time.time()
        self.looks = 0
        site.access._now = site.subscriptions._now = self

    def __call__(self):
        self.looks += 1
        return self.now
