"""The recurrent network: its gradients, its states, and that it learns what order means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from personalize_emu.recipes.scorers.latent import latent_factors, positive_information
from personalize_emu.recipes.sequential.adam import Adam, Schedule, clip
from personalize_emu.recipes.sequential.batches import Sequences, batches, chunks_of
from personalize_emu.recipes.sequential.gru_network import Network, Noise, Window, new_network, training_step
from personalize_emu.recipes.sequential.softmax_loss import sampled_softmax_loss, softmax_loss
from personalize_emu.recipes.sequential.trainer import Plan, train_network
from tests.recipes.made_data import chains

ITEMS, WIDTH, HIDDEN = 11, 4, 3


def small_network(seed: int = 1) -> Network:
    """Of double precision, so that finite differences say something."""
    rng = np.random.default_rng(seed)
    network = new_network(rng.standard_normal((ITEMS, WIDTH)), rng.standard_normal(ITEMS), HIDDEN, rng)
    network.cell.bias[:] = rng.standard_normal(3 * HIDDEN)
    network.cell.back_bias[:] = rng.standard_normal(HIDDEN)
    return network


def small_window() -> Window:
    rng = np.random.default_rng(2)
    items = rng.integers(0, ITEMS, (3, 2))
    targets = np.where(rng.random((3, 2)) < 0.8, rng.integers(0, ITEMS, (3, 2)), -1)
    return Window(items, targets, rng.random((3, 2)), rng.standard_normal((2, HIDDEN)))


def differences(loss: Callable[[], float], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The gradient by trying every weight a little smaller and a little greater."""
    slopes = np.zeros_like(weights)
    for place in np.ndindex(weights.shape):
        value = weights[place]
        weights[place] = value + 1e-5
        above = loss()
        weights[place] = value - 1e-5
        slopes[place] = (above - loss()) / 2e-5
        weights[place] = value
    return slopes


@pytest.mark.parametrize("noise", [Noise(0.0, 0), Noise(0.3, 5)], ids=["all items", "sampled, with dropout"])
def test_gradients_are_those_of_finite_differences(noise: Noise) -> None:
    network, window = small_network(), small_window()

    def result() -> tuple[float, tuple[NDArray[np.float64], ...]]:
        found = training_step(network, window, noise, np.random.default_rng(7))
        return found.loss, found.gradients

    gradients = result()[1]
    for weights, gradient in zip(network.arrays, gradients, strict=True):
        assert gradient == pytest.approx(differences(lambda: result()[0], weights), abs=1e-7)


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def walked(network: Network, items: list[int]) -> NDArray[np.float64]:
    """The state after some items, one formula at a time."""
    cell, state = network.cell, np.zeros(HIDDEN)
    parts = [slice(part * HIDDEN, (part + 1) * HIDDEN) for part in range(3)]
    for item in items:
        x = network.embeddings[item] * network.input_scale
        reset, update = (
            sigmoid(x @ cell.into[:, part] + cell.bias[part] + state @ cell.back[:, part]) for part in parts[:2]
        )
        back = state @ cell.back[:, parts[2]] + cell.back_bias
        candidate = np.tanh(x @ cell.into[:, parts[2]] + cell.bias[parts[2]] + reset * back)
        state = (1 - update) * candidate + update * state
    return state


def test_states_are_those_of_the_formulas_whatever_runs_beside() -> None:
    network = small_network()
    sequences = [[1, 2, 3], [], [4], [5, 6, 7, 8, 9, 10, 0, 1], [3, 2, 1]]
    states = network.last_states([np.array(sequence, np.int64) for sequence in sequences])
    for state, sequence in zip(states, sequences, strict=True):
        assert state == pytest.approx(walked(network, sequence))
    together = training_step(
        network,
        Window(np.array([[1], [2], [3]]), np.array([[2], [3], [4]]), np.ones((3, 1)), np.zeros((1, HIDDEN))),
        Noise(0.0, 0),
        np.random.default_rng(0),
    )
    assert together.states[0] == pytest.approx(walked(network, [1, 2, 3]))


def test_a_sample_of_all_other_items_is_no_sample() -> None:
    rng = np.random.default_rng(3)
    outputs, embeddings, biases = rng.standard_normal((9, 4)), rng.standard_normal((6, 4)), rng.standard_normal(6)
    targets, weights = rng.integers(0, 6, 9), np.full(9, 1 / 9)
    whole = softmax_loss(outputs, embeddings, biases, targets, weights)
    # All six stand for the five others, of which the target itself is taken out row by row.
    shifted = biases + np.log(6 / 5)
    sampled = sampled_softmax_loss(outputs, embeddings, shifted, targets, weights, np.arange(6))
    correct = softmax_loss(outputs, embeddings, shifted, targets, weights).loss
    assert whole.loss == pytest.approx(correct)
    logits = outputs @ embeddings.T + biases
    own = logits[np.arange(9), targets]
    others = np.exp(logits).sum(axis=1) - np.exp(own)
    expected = -np.mean(own - np.log(np.exp(own) + others * 5 / 6))
    assert sampled.loss == pytest.approx(expected)


def chain_sequences() -> tuple[Sequences, int]:
    data = chains(users=60, items=30, interactions=9)
    interactions = data.interactions
    return Sequences(
        interactions.items.astype(np.int64), np.ones(len(interactions), np.float32), interactions.offsets
    ), 30


@pytest.mark.parametrize("steps", [2, 3, 8, 50])
def test_every_item_but_the_first_is_foreseen_once_a_round(steps: int) -> None:
    rng = np.random.default_rng(5)
    lengths = rng.integers(0, 20, 40)
    offsets = np.r_[0, np.cumsum(lengths)]
    sequences = Sequences(np.arange(offsets[-1]), np.ones(offsets[-1], np.float32), offsets)
    users = np.flatnonzero(rng.random(40) < 0.7)
    _, counts = chunks_of(sequences, users, steps, rng)
    assert counts.max() <= steps
    assert counts.min() > 0
    seen = [
        target for batch in batches(sequences, users, steps, 64, rng) for target in batch.targets[batch.targets >= 0]
    ]
    expected = [place for user in users for place in range(offsets[user] + 1, offsets[user + 1])]
    assert sorted(seen) == expected
    for batch in batches(sequences, users, steps, 64, rng):
        there = batch.targets >= 0
        assert np.array_equal(batch.items[there] + 1, batch.targets[there])


def trained_on_chains(seed: int = 4) -> tuple[Network, tuple[float, ...]]:
    sequences, size = chain_sequences()
    rng = np.random.default_rng(seed)
    embeddings = 0.1 * rng.standard_normal((size, 16)).astype(np.float32)
    network = new_network(embeddings, np.zeros(size, np.float32), 16, rng)
    plan = Plan(rounds=30, rate=0.02, steps=4, windows=2, positions=256, dropout=0.1, others=0, patience=30)
    held_out = np.arange(60) < 6
    trained = train_network(network, sequences, plan, held_out, rng, lambda share: None)
    return trained.network, trained.losses


def test_r72b_a_planted_order_is_learned() -> None:
    network, losses = trained_on_chains()
    assert losses[-1] < 0.3 < 2 < losses[0]
    starts = np.arange(30)
    walks = [np.arange(start, start + 4) % 30 for start in starts]
    assert np.array_equal(network.logits(network.last_states(walks)).argmax(axis=1), (starts + 4) % 30)
    # Jumps are nothing it has seen; still what was last decides.
    jumps = [np.r_[start + 8, start + 9, start, start + 1] % 30 for start in starts]
    following = network.logits(network.last_states(jumps)).argmax(axis=1)
    assert np.mean(following == (starts + 2) % 30) > 0.8


def test_same_seed_same_bytes() -> None:
    first, again = trained_on_chains()[0], trained_on_chains()[0]
    assert [array.tobytes() for array in first.arrays] == [array.tobytes() for array in again.arrays]
    assert trained_on_chains(seed=5)[0].arrays[0].tobytes() != first.arrays[0].tobytes()


def test_training_ends_when_validation_gets_no_better() -> None:
    sequences, size = chain_sequences()
    rng = np.random.default_rng(0)
    network = new_network(rng.standard_normal((size, 8)).astype(np.float32), np.zeros(size, np.float32), 8, rng)
    shuffled = Sequences(rng.permutation(sequences.items), sequences.weights, sequences.offsets)
    plan = Plan(rounds=60, rate=0.05, positions=256, dropout=0.0, others=0, patience=2)
    trained = train_network(network, shuffled, plan, np.arange(60) < 20, rng, lambda share: None)
    assert len(trained.losses) == trained.rounds + 2 < 60
    assert trained.losses[trained.rounds - 1] == min(trained.losses)


def test_adam_goes_downhill_and_clipping_keeps_the_direction() -> None:
    weights = np.array([3.0, -2.0])
    adam = Adam([weights])
    for _ in range(400):
        adam.update([2 * weights], 0.05)
    assert abs(weights).max() < 0.1
    gradients = [np.array([3.0, 0.0]), np.array([[4.0]])]
    assert clip(gradients, 1.0) == pytest.approx(5)
    assert gradients[0] == pytest.approx([0.6, 0])
    assert gradients[1] == pytest.approx(0.8)
    assert clip(gradients, 10.0) == pytest.approx(1)


def test_the_rate_rises_and_then_falls() -> None:
    schedule = Schedule(0.01, 1000)
    rates = [schedule.rate(update) for update in range(1200)]
    assert rates[99] == pytest.approx(0.01)
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[1000] == rates[1199] == pytest.approx(0.0005)


def test_the_start_says_who_is_near_whom() -> None:
    data = chains(users=200, items=12, interactions=6)
    information = positive_information(data.interactions, data.interactions.items.astype(np.int64), 12).toarray()
    assert information == pytest.approx(information.T)
    assert (information >= 0).all()
    assert information[0].argmax() in (1, 11)
    assert information[0, 1] > information[0, 2] >= information[0, 3] == information[0, 6] == 0
    directions = latent_factors(data.interactions, data.interactions.items.astype(np.int64), 12, 4, 0, power=0.5)
    values = np.linalg.eigvalsh(information)[::-1]
    assert (directions**2).sum(axis=0) == pytest.approx(values[:4] - values[4], rel=0.05)
