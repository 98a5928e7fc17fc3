"""`python -m firth.compat.tensorflow script.py [args]`: runs a TensorFlow script with Firth."""

from firth.compat.script import main
from firth.compat.tensorflow.install import install

if __name__ == "__main__":
    main("firth.compat.tensorflow", install)
