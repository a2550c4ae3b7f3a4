"""Trains a small neural network to read handwritten digits.

Reads data/digits.csv and params.toml; writes out/model.joblib, out/metrics.json and out/confusion.png. Nothing in here
knows that it is being recorded. The seeds are fixed, as anybody does who wants the same numbers twice.
"""

import json
import tomllib
import warnings
from pathlib import Path

import joblib
import matplotlib
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # after the backend is chosen: there may be no display


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return pixels, float64 of shape (digits, 64), and labels, int64 of shape (digits,)."""
    table = np.loadtxt("data/digits.csv", delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(np.int64)


def train(pixels: np.ndarray, labels: np.ndarray, params: dict) -> Pipeline:
    network = MLPClassifier(
        hidden_layer_sizes=tuple(params["hidden_layers"]),
        learning_rate_init=params["learning_rate"],
        max_iter=params["epochs"],
        n_iter_no_change=params["epochs"],
        tol=0.0,
        random_state=params["seed"],
    )
    # The number of epochs is chosen, so the warning that the solver could go on says nothing new.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return make_pipeline(StandardScaler(), network).fit(pixels, labels)


def evaluate(model: Pipeline, pixels: np.ndarray, labels: np.ndarray) -> tuple[dict, np.ndarray]:
    guessed = model.predict(pixels)
    metrics = {
        "accuracy": float(accuracy_score(labels, guessed)),
        "f1_macro": float(f1_score(labels, guessed, average="macro")),
        "log_loss": float(log_loss(labels, model.predict_proba(pixels))),
        "tested": len(labels),
    }
    return metrics, confusion_matrix(labels, guessed)


def draw(confusion: np.ndarray, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
    axes.imshow(np.log1p(confusion), cmap="Blues")
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            axes.text(column, row, str(count), ha="center", va="center", color="white" if row == column else "black")
    axes.set(xlabel="guessed", ylabel="true", xticks=range(10), yticks=range(10))
    # The file would otherwise name matplotlib's version: other bytes for the same picture.
    figure.savefig(path, dpi=100, metadata={"Software": None})


def main() -> None:
    params = tomllib.loads(Path("params.toml").read_text(encoding="utf-8"))
    pixels, labels = read_digits()
    known, unseen, known_labels, unseen_labels = train_test_split(
        pixels, labels, test_size=params["test_share"], random_state=params["seed"], stratify=labels
    )
    print(f"training on {len(known)} digits, {params['epochs']} epochs", flush=True)
    model = train(known, known_labels, params)
    metrics, confusion = evaluate(model, unseen, unseen_labels)

    out = Path("out")
    out.mkdir(exist_ok=True)
    joblib.dump(model, out / "model.joblib")
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    draw(confusion, out / "confusion.png")
    print(f"accuracy {metrics['accuracy']:.4f} on {metrics['tested']} digits that it had not seen")


if __name__ == "__main__":
    main()
