"""Trainings use one thread for linear algebra, and give the others back."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from personalize_emu.lazy_imports import load_linear_algebra
from personalize_emu.recipes.training.blas_threads import one_blas_thread


def blas_threads() -> set[int]:
    np.zeros((2, 2)) @ np.zeros((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_overlapping_uses_share_the_limit_and_the_last_restores_it() -> None:
    load_linear_algebra()
    with threadpool_limits(limits=2, user_api="blas"):
        with one_blas_thread():
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_a_training_that_fails_restores_them_too() -> None:
    load_linear_algebra()
    with threadpool_limits(limits=2, user_api="blas"):
        with pytest.raises(ZeroDivisionError), one_blas_thread():
            raise ZeroDivisionError
        assert blas_threads() == {2}


def test_the_limit_applies_to_libraries_that_a_training_loads() -> None:
    script = """
from threadpoolctl import threadpool_info
from personalize_emu.lazy_imports import lapack
from personalize_emu.lazy_imports import load_linear_algebra
from personalize_emu.recipes.training.blas_threads import one_blas_thread

def threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

with one_blas_thread():
    lapack.spotrf
    assert set(threads()) == {1}
assert set(threads()) == {2}
"""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
