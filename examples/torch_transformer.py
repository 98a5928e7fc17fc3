"""nn.MultiheadAttention in a small encoder that learns to say which end of a sequence is larger."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset, random_split


class Ends(Dataset):
    def __init__(self, n, length, seed):
        rng = np.random.default_rng(seed)
        self.tokens = rng.integers(0, 10, (n, length))
        self.labels = (self.tokens[:, 0] > self.tokens[:, -1]).astype(np.int64)

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, index):
        return torch.tensor(self.tokens[index]), self.labels[index]


class Encoder(nn.Module):
    def __init__(self, vocab, length, dim=16, heads=4):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.position = nn.Parameter(torch.zeros(1, length, dim))
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.feed = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(inplace=True), nn.Linear(32, dim))
        self.head = nn.Linear(dim, 2)

    def forward(self, tokens):
        x = self.embed(tokens) + self.position
        attended, weights = self.attention(x, x, x)
        x = self.norm1(x + attended)
        x = self.norm2(x + self.feed(x))
        return self.head(x.mean(dim=1)), weights


dataset = Ends(240, 5, seed=0)
train, held_out = random_split(dataset, [200, 40], generator=torch.Generator().manual_seed(0))
print(len(train), len(held_out))

model = Encoder(10, 5)
rng = np.random.default_rng(0)
for name, p in model.named_parameters():
    if "norm" not in name:
        p.data = torch.from_numpy(rng.normal(0, 0.2, tuple(p.shape)).astype(np.float32))

optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
loader = DataLoader(dataset, batch_size=40)
for epoch in range(6):
    total = 0.0
    for tokens, labels in loader:
        logits, _ = model(tokens)
        loss = loss_fn(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.detach()
    print(f"epoch {epoch}: loss {total.item() / len(loader):.4f}")

model.eval()
with torch.inference_mode():
    tokens, labels = next(iter(DataLoader(dataset, batch_size=len(dataset))))
    logits, weights = model(tokens)
    print("accuracy", (logits.argmax(-1) == labels).float().mean().item() > 0.8)
    print("attention", tuple(weights.shape), torch.allclose(weights.sum(-1), torch.ones(240, 5)))
