"""A variational autoencoder: reparametrisation with randn_like, two losses, sampling."""

# ruff: noqa: B007

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim


class VAE(nn.Module):
    def __init__(self, size=16, hidden=24, latent=2):
        super().__init__()
        self.fc1 = nn.Linear(size, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, size)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 16))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    bce = F.binary_cross_entropy(recon_x, x.view(-1, 16), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce, kld


torch.manual_seed(0)
rng = np.random.default_rng(0)
stripes = np.zeros((64, 1, 4, 4), dtype=np.float32)
for i in range(64):
    if i % 2:
        stripes[i, 0, rng.integers(4), :] = 1
    else:
        stripes[i, 0, :, rng.integers(4)] = 1
data = torch.as_tensor(stripes)

model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-2)
first = last = None
for epoch in range(30):
    model.train()
    for batch in data.split(16):
        optimizer.zero_grad()
        recon, mu, logvar = model(batch)
        bce, kld = loss_function(recon, batch, mu, logvar)
        loss = (bce + kld) / len(batch)
        loss.backward()
        optimizer.step()
    if first is None:
        first = loss.item()
    last = loss.item()
print("loss fell:", last < first, "| it is finite:", bool(np.isfinite(last)))

with torch.no_grad():
    sample = model.decode(torch.randn(8, 2)).view(8, 1, 4, 4).cpu()
print("samples:", sample.shape, bool((sample >= 0).all() and (sample <= 1).all()))
