"""For all tests: one thread per process, no deadlines, which a busy machine would miss at random, and a cache apart."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

from hypothesis import settings

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; two workers with two threads each wait for each other

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

_folder = TemporaryDirectory(prefix="constrain-tests-")  # and not the user's
os.environ["CONSTRAIN_CACHE"] = _folder.name
