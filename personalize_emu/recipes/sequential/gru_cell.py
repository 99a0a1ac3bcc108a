"""One layer of gated recurrent units over a block of sequences, forwards and backwards.

    reset, update = sigmoid(x W + h U + b)
    candidate     = tanh(x W + b + reset * (h U + c))
    next h        = candidate + update * (h - candidate)

Arrays are time first: [steps, rows, ...]. Everything is in the precision of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""float32; float64 where gradients are compared with finite differences."""


@dataclass(frozen=True, eq=False)
class Cell:
    """into: W, [d, 3h]. back: U, [h, 3h]. bias: b, [3h]. back_bias: c, [h]. Columns: reset, update, candidate."""

    into: Array
    back: Array
    bias: Array
    back_bias: Array


@dataclass(frozen=True, eq=False)
class Trace:
    """What a forward pass leaves for the backward one, which overwrites `gates` and `recurrent`.

    inputs: [steps, rows, d]. states: [steps + 1, rows, h], the first is what came in.
    gates: [steps, rows, 3h], after their activations. recurrent: [steps, rows, 3h], h U (+ c for the candidate).
    """

    inputs: Array
    states: Array
    gates: Array
    recurrent: Array


@dataclass(frozen=True, eq=False)
class CellGradients:
    """Those of the weights, and of `inputs`."""

    weights: Cell
    inputs: Array


def sigmoid(values: Array) -> None:
    """In place; by tanh, which cannot overflow and costs half of exp."""
    values *= 0.5
    np.tanh(values, out=values)
    values += 1
    values *= 0.5


def forward(cell: Cell, inputs: Array, start: Array) -> Trace:
    """States after each input. start: [rows, h]."""
    steps, rows, width = inputs.shape
    hidden = len(cell.back)
    gates = (inputs.reshape(steps * rows, width) @ cell.into).reshape(steps, rows, 3 * hidden)
    gates += cell.bias
    recurrent = np.empty_like(gates)
    states = np.empty((steps + 1, rows, hidden), gates.dtype)
    states[0] = start
    scratch = np.empty_like(start)
    for step in range(steps):
        step_forward(cell, gates[step], recurrent[step], states[step], states[step + 1], scratch)
    return Trace(inputs, states, gates, recurrent)


def step_forward(cell: Cell, gates: Array, recurrent: Array, state: Array, following: Array, scratch: Array) -> None:
    """One step, into `gates`, `recurrent` and `following`; `gates` comes in as x W + b."""
    hidden = state.shape[-1]
    np.matmul(state, cell.back, out=recurrent)
    switches, candidate = gates[:, : 2 * hidden], gates[:, 2 * hidden :]
    switches += recurrent[:, : 2 * hidden]
    sigmoid(switches)
    recurrent[:, 2 * hidden :] += cell.back_bias
    np.multiply(recurrent[:, 2 * hidden :], gates[:, :hidden], out=scratch)
    candidate += scratch
    np.tanh(candidate, out=candidate)
    np.subtract(state, candidate, out=following)
    following *= gates[:, hidden : 2 * hidden]
    following += candidate


def backward(cell: Cell, trace: Trace, from_states: Array) -> CellGradients:
    """Gradients from those of the states, from_states: [steps, rows, h] (of the states after each step)."""
    steps, rows, width = trace.inputs.shape
    hidden = len(cell.back)
    carried = np.zeros((rows, hidden), trace.gates.dtype)
    back_transposed = np.ascontiguousarray(cell.back.T)
    for step in reversed(range(steps)):
        carried += from_states[step]
        _step_backward(trace.gates[step], trace.recurrent[step], trace.states[step], carried)
        carried += trace.recurrent[step] @ back_transposed
    gates = trace.gates.reshape(steps * rows, 3 * hidden)
    recurrent = trace.recurrent.reshape(steps * rows, 3 * hidden)
    inputs = trace.inputs.reshape(steps * rows, width)
    before = trace.states[:-1].reshape(steps * rows, hidden)
    weights = Cell(inputs.T @ gates, before.T @ recurrent, gates.sum(axis=0), recurrent[:, 2 * hidden :].sum(axis=0))
    return CellGradients(weights, (gates @ cell.into.T).reshape(trace.inputs.shape))


def _step_backward(gates: Array, recurrent: Array, state: Array, carried: Array) -> None:
    """Turn the values of one step into gradients before the activations; `carried` into what passes by them."""
    hidden = state.shape[-1]
    reset, update, candidate = (gates[:, part * hidden : (part + 1) * hidden] for part in range(3))
    through = recurrent[:, 2 * hidden :]
    to_update = state - candidate
    to_update *= carried
    to_update *= update
    to_update *= 1 - update
    to_candidate = 1 - update
    to_candidate *= carried
    candidate *= candidate
    np.subtract(1, candidate, out=candidate)
    candidate *= to_candidate
    carried *= update
    update[:] = to_update
    np.multiply(candidate, through, out=to_update)
    np.multiply(candidate, reset, out=through)
    to_update *= reset
    np.subtract(1, reset, out=to_candidate)
    np.multiply(to_update, to_candidate, out=reset)
    recurrent[:, : 2 * hidden] = gates[:, : 2 * hidden]
