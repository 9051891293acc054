"""Compares `ijepa eval --json` with scikit-learn on the features that `ijepa embed` wrote of the same images.

    judge_eval.py EVAL.json TRAIN.npy TEST.npy [--layers N] [--pool P]

EVAL.json: of the same model and images. TRAIN.npy and TEST.npy lie beside their .csv (path,label), made with --layers N
and --pool P (1, mean). Prints both sides; exit status 1 where a linear probe differs by more than 0.5 points from
LogisticRegression with the same penalty, or a vote of k neighbours by more than 0.1 points from KNeighborsClassifier.
"""
import argparse
import csv
import json
import sys

import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

TEMPERATURE = 0.07


def load(path):
    with open(path[: -len(".npy")] + ".csv", newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    features = numpy.load(path)
    return features.reshape(len(features), -1), numpy.array(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("evaluation")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--pool", default="mean")
    options = parser.parse_args()
    with open(options.evaluation) as file:
        evaluation = json.load(file)
    row = next(r for r in evaluation["rows"]
               if (r["features"], r["layers"], r["pool"]) == ("trained", options.layers, options.pool))
    train, train_labels = load(options.train)
    test, test_labels = load(options.test)
    assert len(train) == evaluation["train"]["images"] and len(test) == evaluation["test"]["images"]
    assert train.shape[1] == row["floats"]
    failed = False

    scale = StandardScaler().fit(train)
    for decay, limit in ((row["linear"]["weight_decay"], 0.5), (1 / len(train), None)):
        c = 1 / (decay * len(train))
        if len(evaluation["classes"]) == 2:  # one vector of weights there, two opposite ones of half its length here
            c *= 2
        model = LogisticRegression(C=c, max_iter=20000, tol=1e-8).fit(scale.transform(train), train_labels)
        theirs = 100 * model.score(scale.transform(test), test_labels)
        ours = 100 * row["linear"]["top1"]
        wrong = limit is not None and abs(ours - theirs) > limit
        failed |= wrong
        print(f"linear  C = {c:<10.4g} ours {ours:6.2f}  scikit-learn {theirs:6.2f}  {ours - theirs:+.2f}"
              f"{'  (for comparison: its default)' if limit is None else ''}{'  WRONG' if wrong else ''}")
    for vote in row["knn"]:
        model = KNeighborsClassifier(vote["k"], metric="cosine", algorithm="brute",
                                     weights=lambda d: numpy.exp(-d / TEMPERATURE)).fit(train, train_labels)
        theirs = 100 * model.score(test, test_labels)
        ours = 100 * vote["top1"]
        wrong = abs(ours - theirs) > 0.1
        failed |= wrong
        print(f"k-NN    k = {vote['k']:<10} ours {ours:6.2f}  scikit-learn {theirs:6.2f}  {ours - theirs:+.2f}"
              f"{'  WRONG' if wrong else ''}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
