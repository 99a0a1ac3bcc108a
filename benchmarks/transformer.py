"""SASRec and gSASRec, implemented after the papers, as peers of the sequential model.

Two blocks of causal self-attention with one head over the last 200 items, 50 dimensions, item embeddings shared by
input and output, Adam. SASRec (Kang and McAuley, 2018) learns by binary cross-entropy with one sampled item for each
position, gSASRec (Petrov and Macdonald, 2023) with many, and the right item counting less. Needs torch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LENGTH, WIDTH, BLOCKS, DROPOUT, ROWS, RATE = 200, 50, 2, 0.2, 128, 0.001
MANY, CALIBRATION = 256, 0.75
OUT_OF_REACH = 1e9


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(WIDTH, eps=1e-8), nn.LayerNorm(WIDTH, eps=1e-8)
        self.attention = nn.MultiheadAttention(WIDTH, 1, dropout=DROPOUT, batch_first=True)
        self.inner, self.outer = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, states: Tensor, future: Tensor, there: Tensor) -> Tensor:
        query = self.before(states)
        states = query + self.attention(query, states, states, attn_mask=future, need_weights=False)[0]
        states = self.between(states)
        inner = self.dropout(torch.relu(self.inner(states)))
        return (states + self.dropout(self.outer(inner))) * there


class Transformer(nn.Module):
    """Item 0 is the padding on the left."""

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=0)
        self.places = nn.Embedding(LENGTH, WIDTH)
        nn.init.xavier_normal_(self.items.weight.data)
        nn.init.xavier_normal_(self.places.weight.data)
        self.items.weight.data[0] = 0
        self.dropout, self.last = nn.Dropout(DROPOUT), nn.LayerNorm(WIDTH, eps=1e-8)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.register_buffer("future", torch.triu(torch.ones(LENGTH, LENGTH, dtype=torch.bool), 1))

    def forward(self, sequences: Tensor) -> Tensor:
        there = (sequences > 0).unsqueeze(-1)
        states = self.items(sequences) * WIDTH**0.5 + self.places.weight
        states = self.dropout(states) * there
        for block in self.blocks:
            states = block(states, self.future, there)
        return self.last(states)


@dataclass(frozen=True, eq=False)
class Batch:
    """A batch of users. states: float[n, LENGTH, WIDTH], output of the transformer. right: int64[n, LENGTH], the next
    item at each position, 0 for none. histories: items of each user, counted from 0.
    """

    model: Transformer
    states: Tensor
    right: NDArray[np.int64]
    histories: Sequence[NDArray[np.int32]]

    @property
    def item_count(self) -> int:
        return self.model.items.num_embeddings - 1

    @property
    def asked(self) -> Tensor:
        return torch.from_numpy(self.right > 0)

    def logits_of(self, items: NDArray[np.int64]) -> Tensor:
        """float[asked]: scores of one item for each position, int64[n, LENGTH]."""
        return (self.states * self.model.items(torch.from_numpy(items))).sum(-1)[self.asked]


Loss = Callable[[Batch, np.random.Generator], Tensor]


def padded(histories: Sequence[NDArray[np.int32]], length: int) -> NDArray[np.int64]:
    """int64[histories, length]: the newest items, counted from 1, zeros before the oldest."""
    rows = np.zeros((len(histories), length), np.int64)
    for row, items in zip(rows, histories, strict=True):
        newest = items[-length:]
        row[length - len(newest) :] = newest + 1
    return rows


def trained(
    histories: Sequence[NDArray[np.int32]], items: int, seconds: float, loss: Loss, seed: int = 0
) -> Iterator[Transformer]:
    """Yields the model after each epoch until the processor time is used up."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model, began = Transformer(items), time.process_time()
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, betas=(0.9, 0.98))
    rows = padded(histories, LENGTH + 1)
    while time.process_time() - began < seconds:
        model.train()
        for users in np.array_split(rng.permutation(len(rows)), len(rows) // ROWS + 1):
            read, right = rows[users, :-1], rows[users, 1:]
            batch = Batch(model, model(torch.from_numpy(read)), right, [histories[user] for user in users])
            wrong = loss(batch, rng)
            optimiser.zero_grad()
            wrong.backward()
            optimiser.step()
        yield model


def one_sampled(batch: Batch, rng: np.random.Generator) -> Tensor:
    """Loss of SASRec: one negative sample per position."""
    wrong = rng.integers(1, batch.item_count + 1, batch.right.shape)
    for row, history in zip(wrong, batch.histories, strict=True):
        seen = set((history + 1).tolist())
        for place in np.flatnonzero(np.isin(row, history + 1)).tolist():
            while int(row[place]) in seen:
                row[place] = rng.integers(1, batch.item_count + 1)
    better, worse = batch.logits_of(batch.right), batch.logits_of(wrong)
    return nn.functional.softplus(-better).mean() + nn.functional.softplus(worse).mean()


def many_sampled(batch: Batch, rng: np.random.Generator) -> Tensor:
    """Loss of gSASRec: MANY negative samples per user, with a reduced weight of positives."""
    wrong = torch.from_numpy(rng.integers(1, batch.item_count + 1, (len(batch.right), MANY)))
    share = MANY / (batch.item_count - 1)
    weight = share * (CALIBRATION * (1 - 1 / share) + 1 / share)
    worse = torch.bmm(batch.states, batch.model.items(wrong).transpose(1, 2))
    same = wrong[:, None, :] == torch.from_numpy(batch.right)[:, :, None]
    worse = worse.masked_fill(same, -OUT_OF_REACH)[batch.asked]
    better = batch.logits_of(batch.right)
    return (weight * nn.functional.softplus(-better) + nn.functional.softplus(worse).sum(-1)).mean()


def scores(model: Transformer, histories: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
    """float32[histories, items]: scores."""
    model.eval()
    with torch.no_grad():
        states = model(torch.from_numpy(padded(histories, LENGTH)))[:, -1]
        found: NDArray[np.float32] = (states @ model.items.weight[1:].T).numpy()
    return found
