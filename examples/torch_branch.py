"""Plain Python control flow that looks at tensors: Newton's method, with branches on values."""

import torch


def soft_step(x):
    """Quadratic near zero, linear far from it: the branch is an ordinary `if`."""
    if x.abs() < 1.0:
        return 0.5 * x**2
    elif x > 0:
        return x - 0.5
    else:
        return -x - 0.5


def newton(f, x, tolerance=1e-5, max_steps=50):
    """Finds a root of f, damping a step that would make things worse."""
    for step in range(max_steps):
        x = x.detach().requires_grad_(True)
        y = f(x)
        if y.abs().item() < tolerance:
            return x, step
        y.backward()
        if x.grad == 0:
            raise ArithmeticError("flat")
        delta = y.detach() / x.grad
        scale = 1.0
        with torch.no_grad():
            while f(x - scale * delta).abs() > y.abs() and scale > 1e-3:
                scale *= 0.5
        x = x - scale * delta
    return x, max_steps


if __name__ == "__main__":
    for value in [-3.0, -0.25, 0.0, 0.5, 2.0]:
        x = torch.tensor(value, requires_grad=True)
        y = soft_step(x)
        y.backward()
        print(f"x {value:6.2f}  y {y.item():.4f}  dy/dx {x.grad.item():.4f}")

    root, steps = newton(lambda x: x**3 - 2 * x - 5, torch.tensor(3.0))
    print(f"root {root.item():.4f} after {steps} steps")

    root, steps = newton(lambda x: torch.atan(x), torch.tensor(3.0))
    print(f"root of atan found: {bool(root.abs() < 1e-4)}")

    total, count = torch.zeros(()), 0
    for i, v in enumerate(torch.linspace(-2, 2, 9)):
        if v > 0:
            total += soft_step(v)
            count += 1
        elif i % 2:
            continue
        if total > 1.5:
            break
    print(f"total {float(total):.4f} of {count}, last index {i}")
