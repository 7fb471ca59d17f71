"""A lock file against what is installed."""

from importlib import metadata

import pytest

from analytics.packages import pins

HERE = metadata.version("numpy")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"numpy=={HERE} \\", [("numpy", HERE, True)]),
        ("numpy==1.0.0", [("numpy", HERE, False)]),
        ("NumPy==1.0.0 ; python_version >= '3' \\", [("NumPy", HERE, False)]),
        ("numpy==1.0.0 ; python_version < '3' \\", []),
        ("no-such-package==1.0", [("no-such-package", None, True)]),
        ("# numpy==1.0.0", []),
        ("    --hash=sha256:00==", []),
    ],
)
def test_line_of_a_lock_file_is_compared(tmp_path, line, told):
    path = tmp_path / "requirements.lock"
    path.write_text(f"{line}\n    --hash=sha256:00\n")
    assert [(pin.name, pin.installed, pin.is_right) for pin in pins(path)] == told


def test_line_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "requirements.lock"
    path.write_text("# made\nnumpy==1.0 numpy\n")
    with pytest.raises(ValueError, match=r"requirements\.lock, line 2: 'numpy==1.0 numpy' is no .*; write it again with `make lock`"):
        pins(path)
