"""A character model without recurrence cells: an MLP over a window, with tied embedding weights."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

words = ["firth", "fjord", "inlet", "estuary", "delta", "sound", "strait", "lagoon", "harbour"]
chars = ["."] + sorted(set("".join(words)))
stoi = {s: i for i, s in enumerate(chars)}
block_size = 3

X, Y = [], []
for w in words:
    context = [0] * block_size
    for ch in w + ".":
        ix = stoi[ch]
        X.append(context)
        Y.append(ix)
        context = context[1:] + [ix]
X = torch.tensor(X)
Y = torch.tensor(Y)
print(X.shape, X.dtype, Y.shape)


class CharMLP(nn.Module):
    def __init__(self, vocab, dim, hidden):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.hidden = nn.Linear(block_size * dim, hidden)
        self.out = nn.Linear(hidden, dim)
        self.unembed = nn.Linear(dim, vocab, bias=False)
        self.unembed.weight = self.embed.weight  # weight tying

    def forward(self, x):
        x = self.embed(x).flatten(1)  # (B, block_size * dim)
        x = torch.tanh(self.hidden(x))
        return self.unembed(self.out(x))


model = CharMLP(len(chars), 8, 32)
rng = np.random.default_rng(0)
for p in model.parameters():
    nn.init.zeros_(p)
    p.data += torch.from_numpy(rng.normal(0, 0.3, tuple(p.shape)).astype(np.float32))
print("tied:", model.unembed.weight is model.embed.weight, len(list(model.parameters())))
print("state:", list(model.state_dict().keys()))

lr = 0.5
for i in range(120):
    ix = torch.from_numpy(rng.integers(0, X.shape[0], (32,)))
    logits = model(X[ix])
    loss = F.cross_entropy(logits, Y[ix])
    for p in model.parameters():
        p.grad = None
    loss.backward()
    if i == 80:
        lr = 0.1
    for p in model.parameters():
        p.data += -lr * p.grad
    if i % 40 == 0:
        print(f"{i}: {loss.item():.4f}")

with torch.no_grad():
    logits = model(X)
    print(f"loss {F.cross_entropy(logits, Y).item():.4f}")
    log_probs = F.log_softmax(logits, dim=1)
    print(f"same {-log_probs[torch.arange(len(Y)), Y].mean().item():.4f}")
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdims=True)
    print("sums to one:", torch.allclose(probs.sum(1), torch.ones(len(Y)), atol=1e-5))

g = torch.Generator().manual_seed(0)
for _ in range(3):
    out, context = [], [0] * block_size
    while len(out) < 12:
        probs = F.softmax(model(torch.tensor([context])), dim=1)
        ix = torch.multinomial(probs, num_samples=1, generator=g).item()
        context = context[1:] + [ix]
        out.append(ix)
        if ix == 0:
            break
    assert all(0 <= i < len(chars) for i in out)
print("sampled three words")
