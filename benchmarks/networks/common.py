"""What the networks share: initial weights, training steps and inference in each framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call

Weights = dict[str, np.ndarray]


class Init:
    """Collects initial weights under PyTorch's names and in its layouts; the same every time."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.weights: Weights = {}

    def _uniform(self, name: str, fan_in: int, shape: tuple[int, ...]) -> None:
        bound = fan_in**-0.5
        self.weights[name] = self.random.uniform(-bound, bound, shape).astype(np.float32)

    def linear(self, name: str, n_in: int, n_out: int, bias: bool = True) -> None:
        """Weight (n_out, n_in) and bias (n_out,)."""
        self._uniform(f"{name}.weight", n_in, (n_out, n_in))
        if bias:
            self._uniform(f"{name}.bias", n_in, (n_out,))

    def conv(self, name: str, c_in: int, c_out: int, size: int) -> None:
        """Weight (c_out, c_in, size, size), no bias."""
        self._uniform(f"{name}.weight", c_in * size * size, (c_out, c_in, size, size))

    def embedding(self, name: str, n: int, width: int) -> None:
        """Weight (n, width)."""
        weights = 0.02 * self.random.standard_normal((n, width))
        self.weights[f"{name}.weight"] = weights.astype(np.float32)

    def norm(self, name: str, width: int) -> None:
        """Ones and zeros."""
        self.weights[f"{name}.weight"] = np.ones(width, np.float32)
        self.weights[f"{name}.bias"] = np.zeros(width, np.float32)


@dataclass(frozen=True)
class Network:
    """One network as every framework builds and trains it.

    build: (firth or torch) -> the module; both have the same names, so the same lines serve both.
    logits: (jax, params, x) -> logits, or for networks with batch norm (logits, new statistics).
    weights, batch: initial weights by their names; x and y as arrays.
    optimizer: its name in firth.optim and torch.optim, with its options.
    jax_layout: a weight as JAX keeps it, from its name and PyTorch's layout.
    jax_state: what a step changes beside parameters, for JAX.
    forward_flops, step_flops: what products and convolutions must compute for the batch.
    images: x is (B, C, H, W), for which channels_last is torch's best.
    """

    name: str
    doc: str
    build: Callable[[Any], Any]
    logits: Callable[..., Any]
    weights: Callable[[], Weights]
    batch: Callable[[], tuple[np.ndarray, np.ndarray]]
    optimizer: str
    options: Mapping[str, Any]
    jax_layout: Callable[[str, np.ndarray], np.ndarray]
    forward_flops: float
    step_flops: float
    jax_state: Callable[[], Weights] = dict
    images: bool = False

    def firth_parts(self) -> tuple[Any, Any, Any, Any]:
        """(model, optimizer, x, y) with the initial weights."""
        import firth

        model = self.build(firth)
        model.load_state_dict(
            {k: firth.from_numpy(v) for k, v in self.weights().items()}, strict=False
        )
        optimizer = getattr(firth.optim, self.optimizer)(model.parameters(), **self.options)
        x, y = (firth.from_numpy(a) for a in self.batch())
        return model, optimizer, x, y

    def torch_parts(self, *, fused: bool = True) -> tuple[Any, Any, Any, Any]:
        """(model, optimizer, x, y) with the initial weights; images in channels_last."""
        import torch

        torch.set_num_threads(THREADS)
        model = self.build(torch)
        model.load_state_dict(
            {k: torch.from_numpy(v.copy()) for k, v in self.weights().items()}, strict=False
        )
        x, y = (torch.from_numpy(a) for a in self.batch())
        if self.images:
            model = model.to(memory_format=torch.channels_last)
            x = x.to(memory_format=torch.channels_last)
        kind = getattr(torch.optim, self.optimizer)
        optimizer = kind(model.parameters(), **self.options, fused=fused)
        return model, optimizer, x, y

    def firth_step(self, *, jit: bool) -> Call:
        """One training step, its loss read: one program, or the plain loop."""
        import firth

        model, optimizer, x, y = self.firth_parts()
        step = _step(firth.nn.functional.cross_entropy, model, optimizer)
        run = firth.jit(step) if jit else step
        return lambda: run(x, y).item()

    def torch_step(self, *, compiled: bool, fused: bool = True) -> Call:
        """One training step, its loss read: the plain loop, or forward and backward compiled."""
        import torch

        model, optimizer, x, y = self.torch_parts(fused=fused)
        run = _step(torch.nn.functional.cross_entropy, model, optimizer, torch, compiled)
        return lambda: run(x, y).item()

    def firth_infer(self, *, jit: bool) -> Call:
        """Batch 1: logits as an array."""
        import firth

        model, _, x, _ = self.firth_parts()
        model.eval()
        x1 = x[:1]

        def infer(x: Any) -> Any:
            with firth.no_grad():
                return model(x)

        run = firth.jit(infer) if jit else infer
        return lambda: run(x1).numpy()

    def torch_infer(self, *, compiled: bool) -> Call:
        """Batch 1 in inference mode: logits as an array; compiled with weights as constants."""
        import torch

        model, _, x, _ = self.torch_parts()
        model.eval()
        forward = torch.compile(model, options={"freezing": True}) if compiled else model
        x1 = x[:1]

        def infer() -> Any:
            with torch.inference_mode():
                return forward(x1).numpy()

        return infer

    def jax_parts(self) -> tuple[Any, Any, Any, Any]:
        """(params, state, x, y) with the initial weights; images as (B, H, W, C)."""
        import jax.numpy as jnp

        x, y = self.batch()
        x = x.transpose(0, 2, 3, 1) if self.images else x
        params = {k: jnp.asarray(self.jax_layout(k, v)) for k, v in self.weights().items()}
        state = {k: jnp.asarray(v) for k, v in self.jax_state().items()}
        return params, state, jnp.asarray(x), jnp.asarray(y)

    def jax_step(self) -> Call:
        """One jitted training step, everything that changes donated, its loss read."""
        import jax

        params, state, x, y = self.jax_parts()
        update = JAX_UPDATES[self.optimizer](jax, **self.options)

        def loss_of(params: Any, state: Any, x: Any, y: Any) -> Any:
            logits, state = self.logits(jax, params, state, x, True)
            return _jax_cross_entropy(jax, logits, y), state

        def step(params: Any, state: Any, moments: Any, x: Any, y: Any) -> Any:
            (loss, state), grads = jax.value_and_grad(loss_of, has_aux=True)(params, state, x, y)
            params, moments = update(params, moments, grads)
            return loss, params, state, moments

        jitted = jax.jit(step, donate_argnums=(0, 1, 2))
        held = [params, state, jax_moments(jax, params)]

        def call() -> float:
            loss, *held[:] = jitted(*held, x, y)
            jax.block_until_ready(held)
            return float(loss)

        return call

    def jax_infer(self) -> Call:
        """Batch 1, jitted: logits as an array."""
        import jax

        params, state, x, _ = self.jax_parts()
        jitted = jax.jit(lambda p, s, x: self.logits(jax, p, s, x, False)[0])
        x1 = x[:1]
        return lambda: np.asarray(jitted(params, state, x1))


def _step(
    loss_of: Any, model: Any, optimizer: Any, torch: Any = None, compiled: bool = False
) -> Any:
    def forward(x: Any, y: Any) -> Any:
        logits = model(x)
        return loss_of(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))

    run = torch.compile(forward) if compiled else forward

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = run(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _jax_cross_entropy(jax: Any, logits: Any, y: Any) -> Any:
    log_p = jax.nn.log_softmax(logits)
    return -jax.numpy.take_along_axis(log_p, y[..., None], axis=-1).mean()


def jax_moments(jax: Any, params: Any) -> Any:
    jnp = jax.numpy
    zeros = [jax.tree.map(jnp.zeros_like, params) for _ in range(2)]
    return (*zeros, jnp.zeros((), jnp.float32))


def _jax_adam(
    jax: Any, *, lr: float, betas: tuple[float, float] = (0.9, 0.999), weight_decay: float = 0.0
) -> Any:
    """Adam with decoupled decay (Loshchilov & Hutter, 2019)."""
    jnp, (beta1, beta2) = jax.numpy, betas

    def update(params: Any, moments: Any, grads: Any) -> Any:
        m, v, t = moments
        t = t + 1
        m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, grads)
        v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, grads)
        fix1, fix2 = 1 - beta1**t, 1 - beta2**t

        def one(p: Any, m: Any, v: Any) -> Any:
            return p * (1 - lr * weight_decay) - lr * (m / fix1) / (jnp.sqrt(v / fix2) + 1e-8)

        return jax.tree.map(one, params, m, v), (m, v, t)

    return update


def _jax_sgd(jax: Any, *, lr: float, momentum: float) -> Any:
    def update(params: Any, moments: Any, grads: Any) -> Any:
        v, unused, t = moments
        v = jax.tree.map(lambda v, g: momentum * v + g, v, grads)
        return jax.tree.map(lambda p, v: p - lr * v, params, v), (v, unused, t)

    return update


JAX_UPDATES = {"Adam": _jax_adam, "AdamW": _jax_adam, "SGD": _jax_sgd}
