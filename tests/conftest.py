"""For all tests: one thread per process, and no deadlines, which a busy machine would miss at random."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; two workers with two threads each wait for each other

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
