"""The network: item embeddings shared by input and output, a GRU layer between them, a softmax over the items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalize_emu.recipes.sequential.gru_cell import Cell, backward, forward, step_forward
from personalize_emu.recipes.sequential.softmax_loss import rows_added, sampled_softmax_loss, softmax_loss

Array = NDArray[Any]
ROWS_AT_ONCE = 512
STEPS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Network:
    """embeddings: [items, d]. biases: [items]. cell: d to h. out: [h, d]. out_bias: [d]."""

    embeddings: Array
    biases: Array
    cell: Cell
    out: Array
    out_bias: Array

    @property
    def arrays(self) -> tuple[Array, ...]:
        cell = self.cell
        return (
            self.embeddings,
            self.biases,
            cell.into,
            cell.back,
            cell.bias,
            cell.back_bias,
            self.out,
            self.out_bias,
        )

    @property
    def input_scale(self) -> float:
        """What embeddings are multiplied by on their way in, so that the layer sees values of a good size."""
        return sqrt(self.embeddings.shape[1]) / 2

    def copy(self) -> Network:
        cell = self.cell
        copied = Cell(cell.into.copy(), cell.back.copy(), cell.bias.copy(), cell.back_bias.copy())
        return Network(self.embeddings.copy(), self.biases.copy(), copied, self.out.copy(), self.out_bias.copy())

    def last_states(self, sequences: Sequence[NDArray[np.integer[Any]]]) -> Array:
        """[sequences, h]: the state after the last item of each, zeros after none."""
        hidden = len(self.out)
        states = np.zeros((len(sequences), hidden), self.embeddings.dtype)
        lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        order = np.argsort(-lengths, kind="stable")
        for start in range(0, len(order), ROWS_AT_ONCE):
            rows = order[start : start + ROWS_AT_ONCE]
            states[rows] = self._run([sequences[row] for row in rows.tolist()], lengths[rows])
        return states

    def logits(self, states: Array) -> Array:
        """[..., items] from states, [..., h]."""
        result: Array = (states @ self.out + self.out_bias) @ self.embeddings.T
        result += self.biases
        return result

    def _run(self, sequences: Sequence[NDArray[np.integer[Any]]], lengths: NDArray[np.int64]) -> Array:
        """States of sequences sorted by length, longest first: all end together, the shorter ones join later."""
        hidden, longest = len(self.out), int(lengths[0])
        dtype = self.embeddings.dtype
        states = np.zeros((len(sequences), hidden), dtype)
        following, scratch = np.empty_like(states), np.empty_like(states)
        recurrent = np.empty((len(sequences), 3 * hidden), dtype)
        items = np.zeros((longest, len(sequences)), np.int64)
        for column, sequence in enumerate(sequences):
            items[longest - len(sequence) :, column] = sequence
        for step in range(longest):
            if step % STEPS_AT_ONCE == 0:
                block = items[step : step + STEPS_AT_ONCE]
                gates = (self.embeddings[block.ravel()] * dtype.type(self.input_scale)) @ self.cell.into
                gates += self.cell.bias
                gates = gates.reshape(*block.shape, 3 * hidden)
            active = int(np.searchsorted(-lengths, step - longest, side="right"))
            here = gates[step % STEPS_AT_ONCE, :active]
            step_forward(self.cell, here, recurrent[:active], states[:active], following[:active], scratch[:active])
            states[:active] = following[:active]
        return states


def new_network(embeddings: Array, biases: Array, hidden: int, rng: np.random.Generator) -> Network:
    """Random weights around given embeddings, [items, d], and biases, [items]; in the embeddings' precision."""
    width, dtype = embeddings.shape[1], embeddings.dtype

    def drawn(rows: int, columns: int) -> Array:
        values: Array = rng.standard_normal((rows, columns)).astype(dtype)
        values *= dtype.type((2 / (rows + columns)) ** 0.5)
        return values

    into = np.concatenate([drawn(width, hidden) for _ in range(3)], axis=1)
    back = np.concatenate([np.linalg.qr(drawn(hidden, hidden))[0] for _ in range(3)], axis=1)
    cell = Cell(into, back, np.zeros(3 * hidden, dtype), np.zeros(hidden, dtype))
    return Network(embeddings, biases, cell, drawn(hidden, width), np.zeros(width, dtype))


@dataclass(frozen=True, eq=False)
class Window:
    """Some steps of some sequences. items: int64[steps, rows]. targets: the same, -1 where nothing is to be learned.

    weights: [steps, rows], what each target counts. start: [rows, h], the states before.
    """

    items: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: Array
    start: Array


@dataclass(frozen=True)
class Noise:
    """dropout: share of inputs and of states left out. others: how many items the softmax is sampled from, 0 all."""

    dropout: float
    others: int


@dataclass(frozen=True, eq=False)
class StepResult:
    """loss: the weighted mean. gradients: along `Network.arrays`. states: [rows, h], those after the window."""

    loss: float
    gradients: tuple[Array, ...]
    states: Array


def training_step(network: Network, window: Window, noise: Noise, rng: np.random.Generator) -> StepResult:
    """The loss of one window and its gradients."""
    steps, rows = window.items.shape
    size, width = network.embeddings.shape
    inputs = network.embeddings[window.items.ravel()]
    inputs *= network.input_scale
    input_mask = _mask(inputs.shape, noise.dropout, rng, inputs.dtype)
    inputs *= input_mask
    trace = forward(network.cell, inputs.reshape(steps, rows, width), window.start)
    targeted = np.flatnonzero(window.targets.ravel() >= 0)
    states = trace.states[1:].reshape(steps * rows, -1)[targeted]
    mask = _mask(states.shape, noise.dropout, rng, inputs.dtype)
    states *= mask
    outputs = states @ network.out
    outputs += network.out_bias
    targets, weights = window.targets.ravel()[targeted], window.weights.ravel()[targeted]
    weights = weights / weights.sum()
    if noise.others and noise.others < size:
        others = rng.choice(size, noise.others, replace=False, shuffle=False)
        found = sampled_softmax_loss(outputs, network.embeddings, network.biases, targets, weights, others)
    else:
        found = softmax_loss(outputs, network.embeddings, network.biases, targets, weights)
    to_states = np.zeros((steps * rows, len(network.out)), inputs.dtype)
    to_states[targeted] = (found.outputs @ network.out.T) * mask
    back = backward(network.cell, trace, to_states.reshape(steps, rows, -1))
    to_inputs = back.inputs.reshape(steps * rows, width)
    to_inputs *= input_mask
    scales = np.full(steps * rows, network.input_scale, inputs.dtype)
    to_embeddings = found.embeddings
    to_embeddings += rows_added(window.items.ravel(), scales, to_inputs, size)
    cell = back.weights
    gradients = (
        to_embeddings,
        found.biases,
        cell.into,
        cell.back,
        cell.bias,
        cell.back_bias,
        states.T @ found.outputs,
        found.outputs.sum(axis=0),
    )
    return StepResult(found.loss, gradients, trace.states[-1])


def _mask(shape: tuple[int, ...], dropout: float, rng: np.random.Generator, dtype: np.dtype[Any]) -> Array:
    """What to multiply values by: 0 for those left out, more than 1 for the others."""
    if not dropout:
        return np.ones(1, dtype)
    size = int(np.prod(shape))
    kept = np.frombuffer(rng.bytes(size), np.uint8).reshape(shape) >= round(256 * dropout)
    mask: Array = np.multiply(kept, dtype.type(1 / (1 - round(256 * dropout) / 256)), dtype=dtype)
    return mask
