"""Learns to read handwritten digits, saves the weights, and reads again in a new process.

    make demo                          in an environment of its own
    python examples/digits.py          where firth[vision,plot] is installed

The data are scikit-learn's 1797 scans of 8x8 pixels; a fifth of them is never trained on.
Writes out/digits.safetensors (weights) and out/digits.png (learning curve, worst mistakes).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import firth
from firth import nn

GOAL = 0.98


class Net(nn.Module):
    """Two 3x3 convolutions and two linear layers. x: (B, 1, 8, 8) -> logits (B, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),  # (B, 32, 4, 4)
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def forward(self, x):
        return self.head(self.features(x))


def digits(train, seed):
    """Images (N, 1, 8, 8) in 0..1 and labels (N,) as NumPy arrays."""
    images, labels = firth.data.digits(train=train, seed=seed).tensors
    return images.numpy(), labels.numpy()


def shifted(images, random):
    """Each image moved by up to one pixel each way: a new digit, the same label."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    top, left = random.integers(0, 3, (2, len(images), 1))
    each = np.arange(len(images))[:, None, None]
    window = np.arange(8)
    return padded[each, 0, (top + window)[:, :, None], (left + window)[:, None, :]][:, None]


def train(model, images, labels, held_images, held_labels, options):
    """Trains in place. Returns per epoch: loss, held-out accuracy."""
    optimizer = firth.optim.Adam(model.parameters(), lr=2e-3)
    schedule = firth.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    lossf = nn.CrossEntropyLoss()

    @firth.jit
    def step(x, y):
        logits = model(x)
        loss = lossf(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, (logits.argmax(1) == y).sum()

    random = np.random.default_rng(options.seed)
    batches = len(images) // options.batch
    bar = Bar(options.epochs, batches, options.batch)
    curve = []
    for epoch in range(options.epochs):
        model.train()
        order = random.permutation(len(images))
        for i in range(batches):
            batch = order[i * options.batch : (i + 1) * options.batch]
            x = firth.from_numpy(shifted(images[batch], random))
            y = firth.from_numpy(labels[batch])
            loss, correct = step(x, y)
            bar.update(epoch, i, loss.item(), correct.item() / options.batch)
        schedule.step()
        logits = predict(model, held_images)
        curve.append((bar.mean_loss, float((logits.argmax(1) == held_labels).mean())))
        bar.end_of_epoch(epoch, curve[-1][1])
    return curve


def predict(model, images):
    """Logits (N, 10) as a NumPy array."""
    model.eval()
    with firth.no_grad():
        return model(firth.from_numpy(images)).numpy()


class Bar:
    """One line that tells loss, accuracy, speed and the time left."""

    def __init__(self, epochs, batches, batch):
        self.epochs, self.batches, self.batch = epochs, batches, batch
        self.start = self.drawn = time.perf_counter()
        self.live = sys.stdout.isatty()
        self.mean_loss = self.mean_accuracy = 0.0

    def update(self, epoch, i, loss, accuracy):
        # At i = 0 these forget the epoch before.
        self.mean_loss += (loss - self.mean_loss) / (i + 1)
        self.mean_accuracy += (accuracy - self.mean_accuracy) / (i + 1)
        now = time.perf_counter()
        if self.live and now - self.drawn > 0.05:
            self.drawn = now
            print(f"\r{self.line(epoch, epoch * self.batches + i + 1, now)}", end="", flush=True)

    def line(self, epoch, done, now):
        total = self.epochs * self.batches
        filled = 24 * done // total
        seconds = now - self.start
        return (
            f"epoch {epoch + 1:2}/{self.epochs} [{'#' * filled}{'.' * (24 - filled)}] "
            f"loss {self.mean_loss:.4f}  accuracy {self.mean_accuracy:6.1%}  "
            f"{done * self.batch / seconds:7,.0f} samples/s  "
            f"{seconds * (total - done) / done:4.1f} s left"
        )

    def end_of_epoch(self, epoch, held_out):
        line = self.line(epoch, (epoch + 1) * self.batches, time.perf_counter())
        print(f"{chr(13) if self.live else ''}{line}  held out {held_out:.1%}", flush=True)


def digest(logits):
    """A fingerprint of every bit of the predictions."""
    return hashlib.sha256(np.ascontiguousarray(logits).tobytes()).hexdigest()


def draw(path, curve, logits, images, labels):
    """The learning curve above, the worst mistakes below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    losses, accuracies = zip(*curve)
    right = logits[np.arange(len(labels)), labels]
    shifted_logits = logits - logits.max(1, keepdims=True)
    p = np.exp(shifted_logits) / np.exp(shifted_logits).sum(1, keepdims=True)
    mistakes = [i for i in np.argsort(right - logits.max(1)) if logits[i].argmax() != labels[i]][:8]

    figure = plt.figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(3, 2))
    axes = above.subplots()
    epochs = range(1, len(curve) + 1)
    axes.plot(epochs, losses, color="tab:blue", label="training loss")
    axes.set(xlabel="epoch", yscale="log", xlim=(1, len(curve)))
    axes.set_ylabel("training loss", color="tab:blue")
    other = axes.twinx()
    other.plot(epochs, [100 * a for a in accuracies], color="tab:orange")
    other.set_ylabel("held-out accuracy, %", color="tab:orange")
    axes.set_title(f"{accuracies[-1]:.2%} of {len(labels)} held-out digits")
    below.suptitle(f"worst mistakes ({int((logits.argmax(1) != labels).sum())} in all)")
    cells = below.subplots(1, 8)
    for cell in cells:
        cell.axis("off")
    for cell, i in zip(cells, mistakes):
        guess = logits[i].argmax()
        cell.imshow(images[i, 0], cmap="gray_r")
        cell.set_title(f"{labels[i]} read as {guess}\n({p[i, guess]:.0%} sure)", fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def reload(weights, seed):
    """What the new process does: builds the net, loads the weights, predicts."""
    model = Net()
    model.load_state_dict(firth.load(weights))
    images, _ = digits(train=False, seed=seed)
    logits = predict(model, images)
    print(json.dumps({"digest": digest(logits), "labels": logits.argmax(1).tolist()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--reload", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.reload:
        reload(options.reload, options.seed)
        return 0

    options.out.mkdir(parents=True, exist_ok=True)
    firth.manual_seed(options.seed)
    images, labels = digits(train=True, seed=options.seed)
    held_images, held_labels = digits(train=False, seed=options.seed)
    model = Net()
    count = sum(p.numel() for p in model.parameters())
    print(f"{len(images)} digits to learn from, {len(held_images)} held out, {count:,} parameters")
    start = time.perf_counter()
    curve = train(model, images, labels, held_images, held_labels, options)
    seconds = time.perf_counter() - start

    weights = options.out / "digits.safetensors"
    firth.save(model.state_dict(), weights)
    logits = predict(model, held_images)
    again = subprocess.run(
        [sys.executable, __file__, "--reload", weights, "--seed", str(options.seed)],
        capture_output=True,
        text=True,
    )
    if again.returncode:
        print(again.stderr, file=sys.stderr)
        return 1
    same = json.loads(again.stdout)["digest"] == digest(logits)
    picture = options.out / "digits.png"
    draw(picture, curve, logits, held_images, held_labels)

    accuracy = curve[-1][1]
    print(f"held-out accuracy {accuracy:.2%} after {seconds:.1f} s of training")
    print(f"weights: {weights}; a new process predicts {'the same' if same else 'SOMETHING ELSE'}")
    print(f"learning curve and worst mistakes: {picture}")
    return 0 if same and accuracy >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
