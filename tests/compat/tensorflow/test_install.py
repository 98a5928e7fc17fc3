"""Firth in the place of TensorFlow, in one process."""

import subprocess
import sys


def _python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_every_name_is_the_same_module():
    done = _python(
        "from firth.compat.tensorflow.install import install; install(); install()\n"
        "import tensorflow as tf, firth.compat.tensorflow as ours, firth.keras, keras\n"
        "from tensorflow.keras.layers import Dense\n"
        "from tensorflow.keras import layers, models\n"
        "print(tf is ours, keras is firth.keras, layers.Dense is Dense)\n"
        "print(tf.keras.Model is models.Model)\n"
    )
    assert done.stdout.split() == ["True"] * 4, done.stderr


def test_a_loaded_tensorflow_is_refused():
    done = _python(
        "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
        "from firth.compat.tensorflow.install import install; install()"
    )
    assert "TensorFlow is loaded already" in done.stderr


def test_names_that_are_missing_say_so():
    done = _python(
        "import firth.compat.tensorflow as tf\n"
        "for f in (lambda: tf.reduce_summ, lambda: tf.nn.relu7, lambda: tf.data.Datset):\n"
        "    try: f()\n"
        "    except AttributeError as e: print(e)\n"
    )
    lines = done.stdout.splitlines()
    assert lines[0].startswith(
        "tensorflow.reduce_summ: Firth does not have this name of TensorFlow"
    )
    assert lines[1].endswith("relu") and lines[2].endswith("Dataset"), done.stdout
