"""Two networks against each other: two optimizers, detach, BCEWithLogitsLoss, in-place noise."""

import torch
from torch import nn


class Generator(nn.Module):
    def __init__(self, latent, size):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(latent, 32), nn.BatchNorm1d(32), nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(32, size), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(size, 32), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(32, 1)
        )

    def forward(self, x):
        return self.main(x).view(-1)


def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Linear") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.1)
        nn.init.constant_(m.bias.data, 0)
    elif classname.find("BatchNorm") != -1:
        m.weight.data.normal_(1.0, 0.02)
        m.bias.data.fill_(0)


torch.manual_seed(0)
netG, netD = Generator(4, 2), Discriminator(2)
netG.apply(weights_init)
netD.apply(weights_init)
criterion = nn.BCEWithLogitsLoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=5e-3, betas=(0.5, 0.999))
optimizerG = torch.optim.Adam(netG.parameters(), lr=5e-3, betas=(0.5, 0.999))
fixed_noise = torch.randn(128, 4)

for step in range(150):
    real = torch.empty(64, 2).normal_(0.0, 0.05).add_(torch.tensor([0.5, -0.5]))
    netD.zero_grad()
    label = torch.full((64,), 1.0, dtype=torch.float)
    errD_real = criterion(netD(real), label)
    errD_real.backward()
    fake = netG(torch.randn(64, 4))
    label.fill_(0.0)
    errD_fake = criterion(netD(fake.detach()), label)
    errD_fake.backward()
    errD = errD_real + errD_fake
    optimizerD.step()

    netG.zero_grad()
    label.fill_(1.0)
    errG = criterion(netD(fake), label)
    errG.backward()
    optimizerG.step()

netG.eval()
with torch.no_grad():
    samples = netG(fixed_noise)
center = samples.mean(dim=0)
print("center is near:", bool(torch.dist(center, torch.tensor([0.5, -0.5])) < 0.45))
print("losses are finite:", torch.isfinite(errD).item(), torch.isfinite(errG).item())
