"""How much more often than people at large those at some level meet each item, in closed form.

The lift of an item at a level is the logarithm of the times it was met over the times to be expected. It is drawn to
what the items of its kinds (one genre, one range of prices) have in common, and that to 0, the further the less was
seen. How far is estimated from the data: ratios have a gamma prior of mean 1, as strong as makes the counts likeliest
(empirical Bayes). So a column that says nothing has lifts of about 0, and an item that nobody met has those of its
kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import gammaln

PRIORS = np.array([0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 10_000.0])
"""Expected meetings after which a ratio is believed half way."""
MOST_PRIOR_ITEMS = 3000
LEAST_GAIN = 5.0
"""In log-likelihood, of kinds that are looked at: less can be chance."""

Table = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Lifts:
    """of_items: float32[levels, items]. of_kinds: for each column of the items that tells something its place among
    all of them, and float32[levels, kinds].
    """

    of_items: NDArray[np.float32]
    of_kinds: tuple[tuple[int, NDArray[np.float32]], ...] = ()


def lifts_of(counts: Table, popularity: Table, kinds: Sequence[sp.csr_matrix] = ()) -> Lifts:
    """counts: float64[levels, items], the users that met each item at each level. popularity: float64[items].

    kinds: for each column of the items csr[items, kinds], rows of sum 1, or 0 where nothing is known.
    """
    expected = counts.sum(axis=1, keepdims=True) * (popularity / max(1.0, popularity.sum()))
    lifts = np.zeros_like(expected)
    of_kinds = []
    prior, likelihood = best_prior(counts, expected)
    for place, members in enumerate(kinds):
        shared = lifts_of_others(counts, expected, members)
        shifted = expected * np.exp(shared)
        better_prior, better = best_prior(counts, shifted)
        if better > likelihood + LEAST_GAIN:
            of_kinds.append((place, _ratios(np.asarray(counts @ members), np.asarray(expected @ members))))
            lifts += shared
            expected, prior, likelihood = shifted, better_prior, better
    lifts += np.log((counts + prior) / (expected + prior))
    return Lifts(lifts.astype(np.float32), tuple(of_kinds))


def _ratios(counts: Table, expected: Table) -> NDArray[np.float32]:
    prior = best_prior(counts, expected)[0]
    ratios: NDArray[np.float32] = np.log((counts + prior) / (expected + prior)).astype(np.float32)
    return ratios


def lifts_of_others(counts: Table, expected: Table, members: sp.csr_matrix) -> Table:
    """float64[levels, items]: what the other items of each item's kinds have in common, the mean over its kinds.

    Others only, or else chance would look like something in common. members: csr[items, kinds].
    """
    items = np.repeat(np.arange(members.shape[0]), np.diff(members.indptr))
    kinds, shares = members.indices, members.data.astype(np.float64)
    of_kinds, to_be_expected = np.asarray(counts @ members), np.asarray(expected @ members)
    prior = best_prior(of_kinds, to_be_expected)[0]
    shared = np.empty_like(expected)
    for level in range(len(counts)):
        met = of_kinds[level, kinds] - shares * counts[level, items] + prior
        usual = to_be_expected[level, kinds] - shares * expected[level, items] + prior
        # Sums of the same numbers in another order may leave a little less than nothing.
        ratios = np.log(np.maximum(met, prior) / np.maximum(usual, prior))
        shared[level] = np.bincount(items, shares * ratios, minlength=members.shape[0])
    return shared


def best_prior(counts: Table, expected: Table) -> tuple[float, float]:
    """The strength of the gamma prior under which the counts are likeliest (negative binomial), and how likely.

    The logarithm of the likelihood lacks what does not depend on the prior or on what was expected of each item.
    """
    if counts.shape[1] > MOST_PRIOR_ITEMS:
        popular = np.argsort(-counts.sum(axis=0), kind="stable")[:MOST_PRIOR_ITEMS]
        counts, expected = counts[:, popular], expected[:, popular]
    met = counts > 0
    times, usual = counts[met], expected[met]
    of_ratios = float((times * np.log(usual)).sum())
    likelihoods = [
        of_ratios
        + float(
            (gammaln(times + prior) - gammaln(prior)).sum()
            + (prior * np.log(prior) - (counts + prior) * np.log(expected + prior)).sum()
        )
        for prior in PRIORS
    ]
    best = int(np.argmax(likelihoods))
    return float(PRIORS[best]), likelihoods[best]
