"""`python -m firth.compat.torch script.py [args]`: runs a PyTorch script with Firth instead."""

from firth.compat.script import main
from firth.compat.torch.install import install

if __name__ == "__main__":
    main("firth.compat.torch", install)
