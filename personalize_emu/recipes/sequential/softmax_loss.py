"""Cross-entropy of the next items, over all items or a sample of them, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.lazy_imports import sparse as sp

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LossGradients:
    """loss: the weighted mean. outputs: [n, d]; embeddings: [items, d]; biases: [items]."""

    loss: float
    outputs: Array
    embeddings: Array
    biases: Array


def softmax_loss(
    outputs: Array, embeddings: Array, biases: Array, targets: NDArray[np.int64], weights: Array
) -> LossGradients:
    """Cross-entropy of the softmax over all items.

    outputs: [n, d]. embeddings: [items, d]. biases: [items]. targets: int64[n]. weights: [n], sums to 1.
    """
    logits = outputs @ embeddings.T
    logits += biases
    rows = np.arange(len(targets))
    chosen = logits[rows, targets]
    peak = logits.max(axis=1)
    logits -= peak[:, None]
    np.exp(logits, out=logits)
    total = logits.sum(axis=1)
    loss = -float(weights @ (chosen - peak - np.log(total)))
    logits *= (weights / total)[:, None]
    logits[rows, targets] -= weights
    return LossGradients(loss, logits @ embeddings, logits.T @ outputs, logits.sum(axis=0))


def sampled_softmax_loss(
    outputs: Array,
    embeddings: Array,
    biases: Array,
    targets: NDArray[np.int64],
    weights: Array,
    others: NDArray[np.int64],
) -> LossGradients:
    """Cross-entropy against `others`, int64[m] distinct items drawn evenly, which stand for all other items.

    Their share of the softmax is scaled up by (items - 1) / m; an item that is the target of a row does not
    count as another one there.
    """
    items = len(embeddings)
    sample = embeddings[others]
    own_embeddings = embeddings[targets]
    own = np.einsum("nd,nd->n", outputs, own_embeddings)
    own += biases[targets]
    rest = outputs @ sample.T
    rest += biases[others] + np.log((items - 1) / len(others)).astype(outputs.dtype)
    place = np.full(items, -1, np.int64)
    place[others] = np.arange(len(others))
    clashes = np.flatnonzero(place[targets] >= 0)
    rest[clashes, place[targets[clashes]]] = -np.inf
    loss = -float(weights @ _log_share(own, rest))
    own -= 1
    own *= weights
    rest *= weights[:, None]
    to_outputs = rest @ sample
    own_embeddings *= own[:, None]
    to_outputs += own_embeddings
    to_embeddings = rows_added(targets, own, outputs, items)
    to_embeddings[others] += rest.T @ outputs
    to_biases = np.bincount(targets, own, minlength=items).astype(outputs.dtype)
    to_biases[others] += rest.sum(axis=0)
    return LossGradients(loss, to_outputs, to_embeddings, to_biases)


def _log_share(own: Array, rest: Array) -> Array:
    """Log-probability of one logit, [n], beside others, [n, m]; both become probabilities."""
    peak = np.maximum(own, rest.max(axis=1))
    rest -= peak[:, None]
    np.exp(rest, out=rest)
    chosen = own - peak
    np.exp(chosen, out=own)
    total = rest.sum(axis=1)
    total += own
    own /= total
    rest /= total[:, None]
    shares: Array = chosen - np.log(total)
    return shares


def rows_added(places: NDArray[np.int64], weights: Array, rows: Array, size: int) -> Array:
    """[size, d]: each of `rows`, [n, d], times its weight, added at its place."""
    pick = sp.csr_matrix((weights, places, np.arange(len(places) + 1)), shape=(len(places), size))
    added: Array = pick.T @ rows
    return added
