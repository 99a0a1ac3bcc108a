"""Texts as vectors, against an obvious version (R-23, R-79)."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from personalize_emu.recipes.content.text_embedding import BUCKETS, fit_text_embedding, term_counts, unit_rows

TEXTS = [
    "A comedy about a wedding in Rome",
    "Comedies of marriage, and of weddings",
    "Engine oil for cars and lorries",
    "Oil filter for the engine of a car",
    "",
    "Crème brûlée with vanilla",
    "creme brulee",
]


def plain_terms(text: str) -> list[str]:
    """Words and their parts of four letters."""
    folded = "".join(mark for mark in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(mark))
    words = "".join(mark if mark.isalnum() or mark == "_" else " " for mark in folded).split()
    terms = []
    for word in words:
        parts = [word[place : place + 4] + "~" for place in range(len(word) - 3)] if len(word) > 4 else []
        terms += [word, *parts] if word not in ENGLISH_STOP_WORDS else []
    return terms


def cosines(texts: list[str]) -> np.ndarray:
    embedding = fit_text_embedding(term_counts(TEXTS), 0)
    vectors = embedding.vectors(embedding.terms(term_counts(texts)))
    return np.asarray(vectors @ vectors.T)


@given(st.text(alphabet="aeéö xyzß-_7,\nﬁÅŒ½ѣёй\u0301\u0308", max_size=60))
def test_counts_are_those_of_the_obvious_version(text: str) -> None:
    row = term_counts([text]).toarray()[0]
    hashing = FeatureHasher(BUCKETS, input_type="string", alternate_sign=False)
    assert row.tolist() == hashing.transform([plain_terms(text)]).toarray()[0].tolist()


def similarity(one: str, other: str) -> float:
    """The share of terms that two texts have in common."""
    terms = unit_rows(term_counts([one, other]))
    return float((terms[0] @ terms[1].T).toarray()[0, 0])


@pytest.mark.parametrize(
    ("one", "near", "far"),
    [
        ("无线蓝牙耳机", "蓝牙音箱", "不锈钢炒锅"),
        ("財布 革", "本革の財布", "木の椅子"),
        ("赤いドレス", "ドレス 夏用", "青い自転車"),
        ("무선이어폰", "블루투스 이어폰", "가죽 지갑"),
        ("เสื้อยืดสีแดง", "เสื้อสีแดง", "กระทะ"),
        ("USB充電器", "充電器 usb", "鍋"),
    ],
)
def test_r79_words_without_blanks_between_them_meet(one: str, near: str, far: str) -> None:
    assert similarity(one, near) > 0.25
    assert similarity(one, far) == 0


@pytest.mark.parametrize(("one", "other"), [("ドア", "トア"), ("バス", "ハス"), ("がか", "かが"), ("ぱん", "はん")])
def test_r79_marks_of_kana_are_no_accents(one: str, other: str) -> None:
    assert similarity(one, other) == 0


@pytest.mark.parametrize(
    ("one", "other"), [("ﾄﾞﾚｽ", "ドレス"), ("ト\u3099レス", "ドレス"), ("ＵＳＢ", "usb"), ("茶", "茶")]
)
def test_r79_ways_of_writing_the_same_letters(one: str, other: str) -> None:
    assert similarity(one, other) == pytest.approx(1)


def test_r79_texts_about_the_same_lie_close() -> None:
    near = cosines(TEXTS)
    assert near[0, 1] > 5 * max(near[0, 2], near[0, 3], 0.01)
    assert near[2, 3] > 5 * max(near[1, 2], 0.01)
    assert near[5, 6] > 0.4
    assert not near[4].any()


def test_new_words_and_new_texts_have_a_place() -> None:
    near = cosines(["a car engine", "vanilla"])
    embedding = fit_text_embedding(term_counts(TEXTS), 0)
    assert near[0, 0] == pytest.approx(1)
    assert not embedding.vectors(embedding.terms(term_counts(["zzz qqq"]))).any()


def test_nothing_to_learn_from() -> None:
    embedding = fit_text_embedding(term_counts(["", ""]), 0)
    assert embedding.vectors(embedding.terms(term_counts(["a word"]))).shape == (1, 0)


def test_rows_at_length_one() -> None:
    table = np.array([[3, 0, 4], [0, 0, 0], [0, -2, 0]], np.float32)
    matrix = sp.csr_matrix(table)
    expected = np.array([[0.6, 0, 0.8], [0, 0, 0], [0, -1, 0]])
    assert unit_rows(matrix).toarray() == pytest.approx(expected)
    assert unit_rows(matrix.tocsc()).toarray() == pytest.approx(expected)
    assert np.array_equal(matrix.toarray(), table)
    assert unit_rows(matrix[:0]).shape == (0, 3)
