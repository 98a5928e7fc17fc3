"""Distributions against PyTorch's."""

import pytest

import firth.compat.torch as torch
from firth.base.errors import MissingRule

real = pytest.importorskip("torch")


def _both(make, *measures):
    for measure in measures:
        ours, theirs = measure(make(torch), torch), measure(make(real), real)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.tolist() == pytest.approx(theirs.tolist(), rel=2e-5, abs=1e-6)


MAKERS = {
    "Normal": lambda t: t.distributions.Normal(t.tensor([0.0, 1.0]), t.tensor([0.5, 2.0])),
    "Bernoulli of probs": lambda t: t.distributions.Bernoulli(t.tensor([0.2, 0.9])),
    "Bernoulli of logits": lambda t: t.distributions.Bernoulli(logits=t.tensor([0.2, -3.0])),
}


@pytest.mark.parametrize("name", MAKERS)
def test_densities(name):
    make = MAKERS[name]
    _both(
        make,
        lambda d, t: d.log_prob(t.tensor([0.0, 1.0])),
        lambda d, t: d.entropy(),
        lambda d, t: d.mean,
    )


@pytest.mark.parametrize("kind", ["probs", "logits"])
def test_categorical(kind):
    values = [0.1, 0.2, 0.7]
    _both(
        lambda t: t.distributions.Categorical(**{kind: t.tensor(values)}),
        lambda d, t: d.log_prob(t.tensor([0, 2, 1])),
        lambda d, t: d.entropy(),
        lambda d, t: d.probs.sum(),
    )


def test_divergences():
    def normal(t):
        n = t.distributions.Normal
        return t.distributions.kl_divergence(
            n(t.tensor(1.0), t.tensor(0.5)), n(t.tensor(0.0), t.tensor(2.0))
        )

    assert normal(torch).item() == pytest.approx(normal(real).item(), rel=1e-5)
    with pytest.raises(MissingRule, match="kl_divergence"):
        torch.distributions.kl_divergence(
            torch.distributions.Normal(0.0, 1.0), torch.distributions.Bernoulli(0.5)
        )


def test_samples():
    torch.manual_seed(0)
    normal = torch.distributions.Normal(torch.tensor([3.0, -3.0]), torch.tensor([0.1, 0.1]))
    drawn = normal.sample((500,))
    assert drawn.shape == (500, 2)
    assert drawn.mean(0).tolist() == pytest.approx([3, -3], abs=0.05)
    chosen = torch.distributions.Categorical(torch.tensor([0.0, 1.0, 3.0])).sample((400,))
    assert chosen.shape == (400,) and (chosen == 0).sum().item() == 0
    assert (chosen == 2).float().mean().item() == pytest.approx(0.75, abs=0.1)
    coins = torch.distributions.Bernoulli(torch.tensor([0.0, 1.0])).sample((3,))
    assert coins.tolist() == [[0, 1]] * 3


def test_gradients_reach_the_parameters():
    loc = torch.tensor([1.0], requires_grad=True)
    torch.distributions.Normal(loc, torch.tensor([1.0])).rsample().sum().backward()
    assert loc.grad.tolist() == [1]
