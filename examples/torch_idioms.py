"""Small habits of PyTorch programs: each function is one, and prints what it found."""

# ruff: noqa: C416

import copy
import io

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F


class Clamp(torch.autograd.Function):
    """A gradient that passes through where the clamp is active."""

    @staticmethod
    def forward(ctx, x, low, high):
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        outside = (x < ctx.low) | (x > ctx.high)
        return torch.where(outside, 0.5 * grad_output, grad_output), None, None


def reset(module, seed=0):
    """The same weights everywhere."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.from_numpy(rng.uniform(-0.4, 0.4, tuple(p.shape)).astype(np.float32)))
    return module


def batch(n, features, seed=1):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.standard_normal((n, features)).astype(np.float32))


def mlp():
    return reset(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)))


def custom_function():
    x = torch.tensor([-2.0, 0.3, 5.0], requires_grad=True)
    y = Clamp.apply(x, -1.0, 1.0)
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    print("custom function:", y.tolist(), x.grad.tolist())


def clipping():
    model = mlp()
    loss = (model(batch(5, 4)) ** 2).sum() * 10
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    after = torch.sqrt(sum((p.grad**2).sum() for p in model.parameters()))
    nn.utils.clip_grad_value_(model.parameters(), 0.05)
    largest = max(p.grad.abs().max().item() for p in model.parameters())
    print(f"clipping: norm {norm.item():.4f} to {after.item():.4f}, largest {largest:.4f}")


def accumulation():
    x, whole, parts = batch(8, 4), mlp(), mlp()
    whole(x).pow(2).mean().backward()
    for chunk in x.chunk(4):
        (parts(chunk).pow(2).mean() / 4).backward()
    worst = max(
        (a.grad - b.grad).abs().max().item() for a, b in zip(whole.parameters(), parts.parameters())
    )
    print("accumulation equals the whole batch:", worst < 1e-6)


def moving_average():
    model = mlp()
    ema = copy.deepcopy(model)
    for p in ema.parameters():
        p.requires_grad_(False)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(5):
        optimizer.zero_grad()
        model(batch(6, 4, step)).square().mean().backward()
        optimizer.step()
        with torch.no_grad():
            for p, q in zip(ema.parameters(), model.parameters()):
                p.data.mul_(0.9).add_(q.data, alpha=0.1)
    distance = sum((p - q).abs().sum() for p, q in zip(ema.parameters(), model.parameters()))
    print(f"moving average: distance {distance.item():.4f}")


def round_trip():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())
    reset(model)
    model(batch(6, 4))
    file = io.BytesIO()
    checkpoint = {"model": model.state_dict(), "epoch": 3, "best": [0.5, None], "name": "x"}
    torch.save(checkpoint, file)
    file.seek(0)
    loaded = torch.load(file, map_location="cpu")
    other = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU())
    print("round trip:", other.load_state_dict(loaded["model"]))
    other.eval()
    model.eval()
    same = torch.equal(model(batch(6, 4, 2)), other(batch(6, 4, 2)))
    print("round trip:", same, list(loaded["model"]), loaded["epoch"], loaded["best"])
    missing = {k: v for k, v in loaded["model"].items() if "bias" not in k}
    result = other.load_state_dict(missing, strict=False)
    print("missing:", result.missing_keys, "unexpected:", result.unexpected_keys)


def groups_and_schedule():
    model = mlp()
    optimizer = optim.AdamW(
        [
            {"params": model[0].parameters(), "lr": 1e-2},
            {"params": [p for p in model[2].parameters()], "weight_decay": 0.0},
        ],
        lr=1e-3,
    )
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    rates = []
    for _ in range(4):
        optimizer.zero_grad()
        F.mse_loss(model(batch(6, 4)), torch.zeros(6, 2)).backward()
        optimizer.step()
        scheduler.step()
        rates.append([round(g["lr"], 6) for g in optimizer.param_groups])
    print("rates:", rates)
    print(f"weights: {sum(p.abs().sum().item() for p in model.parameters()):.4f}")


def freezing():
    model = mlp()
    for p in model[0].parameters():
        p.requires_grad = False
    optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.5)
    before = model[0].weight.clone()
    model(batch(3, 4)).sum().backward()
    optimizer.step()
    print("frozen:", torch.equal(before, model[0].weight), model[0].weight.grad is None)


def aliasing():
    x = torch.zeros(3, 4)
    row = x[1]
    row += 2
    x[:, 0] = torch.tensor([7.0, 8.0, 9.0])
    x.view(-1)[5].fill_(5)
    x.t()[3] = -1
    print("aliasing:", row.tolist(), x.sum().item())
    mask = x > 4
    x[mask] = 0
    print("masked:", x.tolist(), mask.sum().item(), x[[0, 2], 1:3].shape)


def second_derivatives():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = (x**3).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    print("second derivatives:", g.tolist(), h.tolist())


def seeds():
    torch.manual_seed(3)
    a = torch.randn(4), torch.rand(2, 2), torch.randint(0, 10, (5,)), torch.randperm(6)
    torch.manual_seed(3)
    b = torch.randn(4), torch.rand(2, 2), torch.randint(0, 10, (5,)), torch.randperm(6)
    generator = torch.Generator().manual_seed(1)
    c = torch.rand(3, generator=generator)
    generator.manual_seed(1)
    print(
        "seeds:",
        all(torch.equal(p, q) for p, q in zip(a, b)),
        torch.equal(c, torch.rand(3, generator=generator)),
        sorted(a[3].tolist()),
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    custom_function()
    clipping()
    accumulation()
    moving_average()
    round_trip()
    groups_and_schedule()
    freezing()
    aliasing()
    second_derivatives()
    seeds()
