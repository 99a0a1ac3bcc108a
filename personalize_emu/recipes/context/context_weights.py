"""How far each circumstance and trait is believed, learned on users whom neither the lifts nor the model have seen.

What a user did next is more or less likely under the model and the lifts together; the likelihood is concave in the
weights. A weight has two parts: one that stays, and one that fades as more of a user is known. Weights are never
negative, and a factor that does not make what happened clearly likelier is left out, so that it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.context.context_levels import Circumstances
from personalize_emu.recipes.contract.base import History, Model, TrainingData

FADING = 10.0
"""Visits after which the second part of a weight is half of what it was."""
MOMENTS = 1200
"""That are looked at, if there are so many."""
FEWEST_CUTS, MOST_CUTS = 4, 12
"""Moments of each user."""
MOST_USERS = 300
MOST_ITEMS = 600
"""The likelihood is that among the most popular items."""
MOST_CELLS = 2**24
"""Of float32 held at once: moments times items times factors."""
RIDGE = 1.0
LEAST_GAIN = 4.0
"""In log-likelihood, of a factor that is kept."""
STEPS = 25
BATCH = 128

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """What was known of a user at a moment, and what happened. targets: int64[m] items."""

    histories: tuple[History, ...]
    targets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Moments whose target is among some items.

    logits: float32[m, items] of the model. shifts: float32[factors, m, items], the lifts. fading: float64[m].
    targets: int64[m], numbers among the items.
    """

    logits: NDArray[np.float32]
    shifts: NDArray[np.float32]
    fading: Array
    targets: NDArray[np.int64]


def fading(histories: Sequence[History]) -> Array:
    """float64[histories]: 1 for who is new, towards 0 for who is well known."""
    lengths = np.array([len(history.items) for history in histories], np.float64)
    shares: Array = 1 / (1 + lengths / FADING)
    return shares


def moments_of(data: TrainingData, users: Sequence[int], rng: np.random.Generator) -> Moments:
    """Some visits of each user, each in its own circumstances.

    Of half of them nothing is told of what came before, as if the user were new: so much is to be learned of what new
    users want, and each has one first visit only.
    """
    visits = data.visits
    half = int(np.clip(MOMENTS // max(1, len(users)), FEWEST_CUTS, MOST_CUTS)) // 2
    histories, targets = [], []
    for user in users:
        rows = visits.of_user(user)
        places = np.arange(rows.start, rows.stop)
        as_new = [(int(at), int(at)) for at in np.sort(rng.permutation(places)[:half])]
        as_known = [(rows.start, int(at)) for at in np.sort(rng.permutation(places[1:])[:half])]
        for start, at in [*as_new, *as_known]:
            before = slice(start, at)
            told = data.circumstances_of_visit(at)
            histories.append(History(visits.items[before], visits.timestamps[before], data.user_ids[user], told))
            targets.append(int(visits.items[at]))
    return Moments(tuple(histories), np.array(targets, np.int64))


def evidence_of(model: Model, circumstances: Circumstances, moments: Moments, popular: NDArray[np.int64]) -> Evidence:
    """popular: int64[items], distinct; of the moments only those with one of them as target are kept."""
    place_of = np.full(len(model.catalog), -1, np.int64)
    place_of[popular] = np.arange(len(popular))
    factors = circumstances.factors
    most = max(1, MOST_CELLS // max(1, len(popular) * (1 + len(factors))))
    kept = np.flatnonzero(place_of[moments.targets] >= 0)
    kept = kept[:: -(-len(kept) // most)] if len(kept) > most else kept
    histories = [moments.histories[place] for place in kept]
    logits = [
        model.scores_many(histories[start : start + BATCH])[:, popular] for start in range(0, len(histories), BATCH)
    ]
    levels = circumstances.levels_of(histories)
    shifts = [
        np.asarray(members @ factor.lifts[:, popular], np.float32)
        for members, factor in zip(levels, factors, strict=True)
    ]
    shape = (len(histories), len(popular))
    rows = np.concatenate(logits) if logits else np.zeros(shape, np.float32)
    targets = place_of[moments.targets[kept]]
    possible = rows[np.arange(len(rows)), targets] > -np.inf
    return Evidence(
        rows[possible],
        np.stack(shifts)[:, possible] if shifts else np.zeros((0, *shape), np.float32)[:, possible],
        fading(histories)[possible],
        targets[possible],
    )


def learned_weights(evidence: Evidence) -> Array:
    """float64[factors, 2], both parts of each weight; 0 for factors that are left out."""
    count = len(evidence.shifts)
    alone = [best_weights(evidence, [factor])[1] for factor in range(count)]
    kept = [factor for factor in range(count) if alone[factor] - best_weights(evidence, [])[1] >= LEAST_GAIN]
    while kept:
        weights, likelihood = best_weights(evidence, kept)
        without = [best_weights(evidence, [k for k in kept if k != factor])[1] for factor in kept]
        gains = likelihood - np.array(without)
        worst = int(np.argmin(gains))
        if gains[worst] >= LEAST_GAIN:
            break
        kept.pop(worst)
    result = np.zeros((count, 2))
    if kept:
        result[kept] = weights
    return result


def best_weights(evidence: Evidence, factors: Sequence[int]) -> tuple[Array, float]:
    """Weights of some factors, float64[factors, 2], and the log-likelihood less the penalty they reach.

    Newton's method with the weights that would become negative held at 0.
    """
    flat = np.zeros(2 * len(factors))
    value, slope, curve = likelihood(evidence, factors, flat)
    for _ in range(STEPS if len(factors) else 0):
        free = (flat > 0) | (slope > 0)
        if not free.any():
            break
        step = np.zeros(len(flat))
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        moved, better = flat, value
        for size in (1.0, 0.5, 0.25, 0.1, 0.02):
            moved = np.maximum(flat + size * step, 0)
            better, slope_there, curve_there = likelihood(evidence, factors, moved)
            if better > value:
                break
        if better <= value:
            break
        done = better - value < 1e-3
        flat, value, slope, curve = moved, better, slope_there, curve_there
        if done:
            break
    return flat.reshape(len(factors), 2), value


def likelihood(evidence: Evidence, factors: Sequence[int], flat: Array) -> tuple[float, Array, Array]:
    """Penalised log-likelihood, its gradient, and its curvature (positive definite), in float64[2 factors]."""
    weights = flat.reshape(len(factors), 2)
    strength = weights[:, :1] + weights[:, 1:] * evidence.fading
    logits = evidence.logits.copy()
    for factor, strengths in zip(factors, strength, strict=True):
        logits += strengths.astype(np.float32)[:, None] * evidence.shifts[factor]
    logits -= logits.max(axis=1, initial=-np.inf, keepdims=True)
    chances = np.exp(logits)
    total = chances.sum(axis=1, dtype=np.float64)
    chances /= total.astype(np.float32)[:, None]
    rows = np.arange(len(logits))
    value = float((logits[rows, evidence.targets] - np.log(total)).sum(dtype=np.float64))
    slope, curve = np.zeros(len(flat)), np.zeros((len(flat), len(flat)))
    parts = np.stack((np.ones(len(rows)), evidence.fading))
    weighted = [chances * evidence.shifts[factor] for factor in factors]
    means = [part.sum(axis=1, dtype=np.float64) for part in weighted]
    for a, one in enumerate(factors):
        slope[2 * a : 2 * a + 2] = parts @ (evidence.shifts[one][rows, evidence.targets] - means[a])
        for b, other in enumerate(factors[: a + 1]):
            both = np.einsum("mi,mi->m", weighted[a], evidence.shifts[other]).astype(np.float64)
            block = (parts * (both - means[a] * means[b])) @ parts.T
            curve[2 * a : 2 * a + 2, 2 * b : 2 * b + 2] = block
            curve[2 * b : 2 * b + 2, 2 * a : 2 * a + 2] = block.T
    return value - RIDGE / 2 * float(flat @ flat), slope - RIDGE * flat, curve + RIDGE * np.eye(len(flat))
