from __future__ import annotations

import numpy as np

from tests.onnx.oracle import node_model, run

WORDS = np.array(["Monday", "is a", "day"], object)


def test_texts_are_joined_and_cut():
    assert run(node_model("StringConcat", [WORDS, WORDS[:1]]), WORDS, WORDS[:1])[0].tolist() == [
        "MondayMonday", "is aMonday", "dayMonday"
    ]  # fmt: skip
    parts, counts = run(node_model("StringSplit", [WORDS], 2, delimiter="a"), WORDS)
    assert parts.tolist() == [["Mond", "y"], ["is ", ""], ["d", "y"]] and counts.tolist() == [2] * 3


def test_patterns_match_whole_texts():
    model = node_model("RegexFullMatch", [WORDS], pattern="[A-Z]?[a-z]+")
    assert run(model, WORDS)[0].tolist() == [True, False, True]


def test_stop_words_and_case():
    model = node_model("StringNormalizer", [WORDS], case_change_action="UPPER",
                       is_case_sensitive=0, stopwords=["monday"])  # fmt: skip
    assert run(model, WORDS)[0].tolist() == ["IS A", "DAY"]


def test_n_grams_are_counted_with_skips():
    x = np.array([1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8], np.int32)
    model = node_model(
        "TfIdfVectorizer", [x], mode="TF", min_gram_length=2, max_gram_length=2, max_skip_count=5,
        ngram_counts=[0, 4], ngram_indexes=[0, 1, 2, 3, 4, 5, 6],
        pool_int64s=[2, 3, 5, 4, 5, 6, 7, 8, 6, 7],
    )  # fmt: skip
    assert run(model, x)[0].tolist() == [0, 0, 0, 0, 1, 3, 1][:7]
