"""How unlikely the items that came next were, against all other items or a sample of them, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LossGradients:
    """loss: the weighted mean. outputs: [n, d]; embeddings: [items, d]; biases: [items]."""

    loss: float
    outputs: Array
    embeddings: Array
    biases: Array


def softmax_loss(
    outputs: Array, embeddings: Array, biases: Array, targets: NDArray[np.int64], worth: Array
) -> LossGradients:
    """Cross-entropy of the softmax over all items.

    outputs: [n, d]. embeddings: [items, d]. biases: [items]. targets: int64[n]. worth: [n], sums to 1.
    """
    logits = outputs @ embeddings.T
    logits += biases
    rows = np.arange(len(targets))
    loss = -float(worth @ _log_share_of(logits, logits[rows, targets], rows, targets))
    logits *= worth[:, None]
    return LossGradients(loss, logits @ embeddings, logits.T @ outputs, logits.sum(axis=0))


def _log_share_of(logits: Array, chosen: Array, rows: NDArray[np.int64], targets: NDArray[np.int64]) -> Array:
    """Log-probabilities of the targets; `logits` becomes probabilities less 1 at the targets."""
    peak = logits.max(axis=1, keepdims=True)
    logits -= peak
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= total
    logits[rows, targets] -= 1
    shares: Array = chosen - peak[:, 0] - np.log(total[:, 0])
    return shares


def sampled_softmax_loss(
    outputs: Array,
    embeddings: Array,
    biases: Array,
    targets: NDArray[np.int64],
    worth: Array,
    others: NDArray[np.int64],
) -> LossGradients:
    """Cross-entropy against `others`, int64[m] distinct items drawn evenly, which stand for all other items.

    Their share of the softmax is scaled up by (items - 1) / m; an item that is the target of a row does not
    count as another one there.
    """
    items = len(embeddings)
    sample = embeddings[others]
    logits = np.empty((len(targets), len(others) + 1), outputs.dtype)
    logits[:, 0] = np.einsum("nd,nd->n", outputs, embeddings[targets])
    logits[:, 0] += biases[targets]
    np.matmul(outputs, sample.T, out=logits[:, 1:])
    logits[:, 1:] += biases[others] + np.log((items - 1) / len(others)).astype(outputs.dtype)
    place = np.zeros(items, np.int64)
    place[others] = np.arange(1, len(others) + 1)
    clashes = np.flatnonzero(place[targets])
    logits[clashes, place[targets[clashes]]] = -np.inf
    rows = np.arange(len(targets))
    loss = -float(worth @ _log_share_of(logits, logits[:, 0].copy(), rows, np.zeros(len(rows), np.int64)))
    logits *= worth[:, None]
    own, rest = logits[:, 0], logits[:, 1:]
    to_outputs = rest @ sample
    to_outputs += own[:, None] * embeddings[targets]
    to_embeddings = rows_added(targets, own, outputs, items)
    to_embeddings[others] += rest.T @ outputs
    to_biases = np.bincount(targets, own, minlength=items).astype(outputs.dtype)
    to_biases[others] += rest.sum(axis=0)
    return LossGradients(loss, to_outputs, to_embeddings, to_biases)


def rows_added(places: NDArray[np.int64], weights: Array, rows: Array, size: int) -> Array:
    """[size, d]: each of `rows`, [n, d], times its weight, added at its place."""
    pick = sp.csr_matrix((weights, places, np.arange(len(places) + 1)), shape=(len(places), size))
    added: Array = pick.T @ rows
    return added
