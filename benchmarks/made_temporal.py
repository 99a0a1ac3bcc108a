"""Generated data with timestamps: music with repeat consumption, and news with short lifetimes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DAY = 86_400

Rows = list[tuple[str, str, int]]


def made_music(_cache: Path) -> Rows:
    """700 users, 3,000 artists in 40 genres over two years: a long tail, drifting preferences, sessions in one genre,
    artists that appear over time and are most popular soon after.
    """
    rng = np.random.default_rng(41)
    users, items, genres = 700, 3_000, 40
    genre_of = rng.integers(genres, size=items)
    debut = np.where(rng.random(items) < 0.5, 0.0, rng.random(items)) * 730
    appeal = rng.pareto(1.1, items) + 0.05
    tastes = rng.dirichlet(np.full(genres, 0.06), users)
    rows: Rows = []
    for user in range(users):
        taste, goal = tastes[user], tastes[rng.integers(users)]
        start = rng.random() * 400
        session_starts = np.sort(start + rng.random(rng.integers(4, 40)) * (730 - start))
        for day in session_starts.tolist():
            drift = 0.5 * day / 730
            genre = rng.choice(genres, p=(1 - drift) * taste + drift * goal)
            rows += _session(rng, user, day, _members(genre_of, genre), debut, appeal)
    return rows


def _members(genre_of: NDArray[np.int64], genre: int) -> NDArray[np.int64]:
    return np.flatnonzero(genre_of == genre)


def _session(
    rng: np.random.Generator,
    user: int,
    day: float,
    members: NDArray[np.int64],
    debut: NDArray[np.float64],
    appeal: NDArray[np.float64],
) -> Rows:
    there = members[debut[members] <= day]
    if not len(there):
        return []
    weights = appeal[there] * (1 + 4 * np.exp(-(day - debut[there]) / 30))
    count = min(len(there), int(rng.integers(2, 9)))
    chosen = rng.choice(there, size=count, replace=False, p=weights / weights.sum())
    return [(f"u{user}", f"a{item}", int(day * DAY) + 240 * step) for step, item in enumerate(chosen.tolist())]


def made_news(_cache: Path) -> Rows:
    """2,000 users, 40 articles per day for 60 days: users read new and popular articles, partly by topic."""
    rng = np.random.default_rng(43)
    readers, days, daily, topics = 2_000, 60, 40, 12
    topic_of = rng.integers(topics, size=days * daily)
    born = np.repeat(np.arange(days), daily) + rng.random(days * daily)
    appeal = rng.lognormal(0, 1.2, days * daily)
    interests = rng.dirichlet(np.full(topics, 0.3), readers)
    habit = rng.beta(0.8, 4, readers)
    rows: Rows = []
    for day in range(days):
        for reader in np.flatnonzero(rng.random(readers) < habit).tolist():
            moment = day + rng.random()
            fresh = np.flatnonzero((born <= moment) & (born > moment - 4))
            if not len(fresh):
                continue
            weights = appeal[fresh] * np.exp(-(moment - born[fresh]) / 0.7) * (0.1 + interests[reader][topic_of[fresh]])
            count = min(len(fresh), int(rng.integers(1, 5)))
            for step, item in enumerate(rng.choice(fresh, count, replace=False, p=weights / weights.sum()).tolist()):
                rows.append((f"r{reader}", f"n{item}", int(moment * DAY) + 60 * step))
    return rows
