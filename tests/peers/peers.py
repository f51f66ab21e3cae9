#!/usr/bin/env python3
"""Measures other programs on the corpora that `host compare` measures Telltale on.

    python3 -m venv .venv && .venv/bin/pip install -r tests/peers/requirements.txt
    .venv/bin/python tests/peers/peers.py DIR > peers.json
    cargo run -p host -- compare --data DIR --peers peers.json --out table.md

A corpus is a folder with a train.csv and a test.csv, which have a column text and a column label (or category, intent, class). Two kinds of peers:

- scikit-learn: TF-IDF of words (1 to 2), of characters (1 to 5), and of both, each with a linear support vector classifier
  of default cost, of unlimited size;
- fastText, autotuned on a tenth of the training texts for --minutes, to a model of --bytes.
"""

import argparse
import csv
import json
import os
import random
import sys
import tempfile


def read(path):
    csv.field_size_limit(1 << 30)
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        label = next(name for name in ("label", "category", "intent", "class") if name in reader.fieldnames)
        rows = [(row["text"], row[label]) for row in reader]
    return [text for text, _ in rows], [label for _, label in rows]


def measured(corpus, peer, truth, answers, size=None):
    from sklearn.metrics import accuracy_score, f1_score

    return {
        "corpus": corpus,
        "peer": peer,
        "accuracy": accuracy_score(truth, answers),
        "macro_f1": f1_score(truth, answers, average="macro"),
        "bytes": size,
    }


def linear(corpus, train, test):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union
    from sklearn.svm import LinearSVC

    def words():
        return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)

    def characters():
        return TfidfVectorizer(analyzer="char", ngram_range=(1, 5), min_df=2, sublinear_tf=True)

    kinds = {"words": words(), "characters": characters(), "both": make_union(words(), characters())}
    for kind, vectoriser in kinds.items():
        model = LinearSVC().fit(vectoriser.fit_transform(train[0]), train[1])
        answers = model.predict(vectoriser.transform(test[0]))
        yield measured(corpus, f"TF-IDF of {kind}, linear", test[1], answers)


def fasttext_at(corpus, train, test, minutes, size):
    import fasttext

    labels = sorted(set(train[1]))
    number = {label: at for at, label in enumerate(labels)}
    lines = [f"__label__{number[label]} {' '.join(text.split())}\n" for text, label in zip(*train)]
    random.Random(1).shuffle(lines)
    tenth = max(1, len(lines) // 10)
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("train.txt", "valid.txt", "model.ftz")]
        for path, part in zip(paths, (lines[tenth:], lines[:tenth])):
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(part)
        model = fasttext.train_supervised(
            paths[0],
            autotuneValidationFile=paths[1],
            autotuneDuration=int(minutes * 60),
            autotuneModelSize=f"{size // 1000}K",
            verbose=0,
        )
        model.save_model(paths[2])
        bytes_of_model = os.path.getsize(paths[2])
        guesses = model.predict([" ".join(text.split()) for text in test[0]])[0]
    answers = [labels[int(guess[0].removeprefix("__label__"))] if guess else "" for guess in guesses]
    return measured(corpus, f"fastText, autotuned, {size // 1000} kB", test[1], answers, bytes_of_model)


def main():
    parser = argparse.ArgumentParser(description="Measures other programs; JSON goes to standard output.")
    parser.add_argument("data", help="the folder below which the corpora are")
    parser.add_argument("--minutes", type=float, default=5, help="that fastText is tuned for, a corpus; 0 leaves it out")
    parser.add_argument("--bytes", type=int, default=180_000, help="that fastText's model may have")
    args = parser.parse_args()
    results = []
    for folder, _, files in sorted(os.walk(args.data)):
        if not {"train.csv", "test.csv"} <= set(files):
            continue
        name = os.path.basename(os.path.abspath(folder))
        train, test = (read(os.path.join(folder, split)) for split in ("train.csv", "test.csv"))
        for result in linear(name, train, test):
            results.append(result)
            print(f"{name}: {result['peer']}: {result['accuracy']:.4f}", file=sys.stderr)
        if args.minutes > 0:
            results.append(fasttext_at(name, train, test, args.minutes, args.bytes))
            print(f"{name}: {results[-1]['peer']}: {results[-1]['accuracy']:.4f}", file=sys.stderr)
    json.dump(results, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
