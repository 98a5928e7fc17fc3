"""Everything that reads files, for a fuzzer: bytes in, an answer or a FirthError out.

`python -m tests.hostile.readers` runs atheris on each for FIRTH_FUZZ_SECONDS (60), a name or
several on those. What it finds is written to build/fuzz/, and ends the run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import firth
from firth.base.errors import FirthError
from firth.compat.torch import serialization
from firth.io import safetensors, torch_file

ROOT = Path(__file__).resolve().parents[2]


def _arrays() -> dict[str, np.ndarray]:
    return {"w": np.ones((2, 3), np.float32), "b": np.arange(3), "half": np.ones(2, np.float16)}


def _zip(records: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return out.getvalue()


def _saved(write: Callable[[str], None], suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{suffix}")
        write(str(path))
        return path.read_bytes()


# A state dict of one tensor, as PyTorch pickles it.
_PICKLE = (
    b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(("
    b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
    b"K\x04tQK\x00(K\x02K\x02t(K\x02K\x01t\x89ccollections\nOrderedDict\n)RtRs."
)


def read_torch(data: bytes) -> object:
    return torch_file.load_file(io.BytesIO(data))


def read_pickle(data: bytes) -> object:
    """The pickle within an archive whose other records are good."""
    return read_torch(_zip({"archive/data.pkl": data, "archive/data/0": bytes(16)}))


def read_saved(data: bytes) -> object:
    return serialization.load(io.BytesIO(data))


def read_structure(data: bytes) -> object:
    """The JSON beside the tensors of firth.compat.torch.save."""
    text = data.decode("utf-8", "replace")
    return read_saved(safetensors.save(_arrays(), {serialization.STRUCTURE: text}))


def read_onnx(data: bytes) -> object:
    return firth.onnx.load(data)


def read_keras(data: bytes) -> object:
    return firth.keras.models.load_model(io.BytesIO(data))


def read_keras_config(data: bytes) -> object:
    return firth.keras.models.model_from_json(data.decode("utf-8", "replace"))


def _keras_model() -> firth.keras.Model:
    layers = firth.keras.layers
    return firth.keras.Sequential(
        [firth.keras.Input((3,)), layers.Dense(2, activation="relu"), layers.Dense(1)]
    )


def _onnx_model() -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "g", [value("x", TensorProto.FLOAT, [1, 2])], [value("y", TensorProto.FLOAT, [1, 2])],
        initializer=[numpy_helper.from_array(np.ones((2, 2), np.float32), "w")],
    )  # fmt: skip
    return helper.make_model(graph).SerializeToString()


def _structured() -> bytes:
    tree = {"a": firth.ones(2), "b": (1, 2.5, None), "c": [True, "x"]}
    return _saved(lambda path: serialization.save(tree, path), ".pt")


def _structure() -> bytes:
    tree = {"dict": [["w", {"tensor": "w"}], ["n", {"tuple": [1, {"array": "b"}]}]]}
    return json.dumps(tree).encode()


# name -> (the reader, files that it reads)
READERS: dict[str, tuple[Callable[[bytes], object], Callable[[], list[bytes]]]] = {
    "safetensors": (safetensors.load, lambda: [safetensors.save(_arrays(), {"k": "v"})]),
    "torch": (
        read_torch, lambda: [_zip({"archive/data.pkl": _PICKLE, "archive/data/0": bytes(16)})]
    ),
    "pickle": (read_pickle, lambda: [_PICKLE]),
    "saved": (read_saved, lambda: [_structured(), safetensors.save(_arrays())]),
    "structure": (read_structure, lambda: [_structure()]),
    "onnx": (read_onnx, lambda: [_onnx_model()]),
    "keras": (read_keras, lambda: [_saved(_keras_model().save, ".keras")]),
    "keras_config": (read_keras_config, lambda: [_keras_model().to_json().encode()]),
}  # fmt: skip


def check(name: str, data: bytes) -> None:
    """Reads; whatever is not a FirthError is a finding."""
    with warnings.catch_warnings(), contextlib.suppress(FirthError):
        warnings.simplefilter("ignore")
        READERS[name][0](data)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few changed, taken out, doubled or replaced by telling ones."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(5):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del out[at : at + rng.randint(1, 8)]
            case 2:
                out[at:at] = out[at : at + rng.randint(1, 16)]
            case 3:
                out[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"-1"])
            case _:
                out[at : at + 1] = rng.choice([b"null", b"{}", b"[]", b"1e999", b'""', b"\x80"])
    return bytes(out)


# Run in a process of its own: what is to be followed is imported under atheris's eyes.
_SCRIPT = """
import sys, atheris
with atheris.instrument_imports(include=["firth.io", "firth.onnx", "firth.compat", "firth.keras"]):
    from tests.hostile import readers
readers.fuzz(sys.argv[1], sys.argv[2])
"""


def fuzz(name: str, seconds: str) -> None:
    """Runs atheris on one reader; it ends the process."""
    import atheris

    found = ROOT / "build" / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for k, seed in enumerate(READERS[name][1]()):
            Path(corpus, f"seed{k}").write_bytes(seed)
        options = [f"-max_total_time={seconds}", f"-artifact_prefix={found}/", "-timeout=120",
                   "-rss_limit_mb=6000", "-max_len=4096", "-verbosity=0"]  # fmt: skip
        atheris.Setup([name, *options, corpus], lambda data: check(name, data))
        atheris.Fuzz()


def main(names: list[str]) -> int:
    """Each reader in a process of its own; the status says how many findings there were."""
    if importlib.util.find_spec("atheris") is None:
        print("skipped: atheris is not installed (pip install atheris)")
        return 0
    seconds = os.environ.get("FIRTH_FUZZ_SECONDS", "60")
    bad = 0
    for name in names or READERS:
        command = [sys.executable, "-c", _SCRIPT, name, seconds]
        failed = subprocess.run(command, cwd=ROOT, check=False).returncode != 0
        print(f"{name}: {'FOUND, see build/fuzz' if failed else 'nothing found'}", flush=True)
        bad += failed
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
