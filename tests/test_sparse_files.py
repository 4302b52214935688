"""Prepared sparse derivatives in files: every way to name one, and files that are none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradtape as gt

pytest.importorskip("scipy.sparse")
X = np.array([1.0, 2.0, 3.0])
square = lambda x: x**2
cubes = lambda x: gt.sum(x**3)


@pytest.mark.parametrize("name", ["a.npz", "b", "c.v1"])
@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("mode", ["forward", "reverse", "bidirectional", "hessian"])
def test_names_of_files(tmp_path: Path, name: str, kind: Any, mode: str) -> None:
    f = cubes if mode == "hessian" else square
    prepared = gt.prepare_hessian(f, X) if mode == "hessian" else gt.prepare_jacobian(f, X, mode=mode)
    path = kind(tmp_path / name)
    prepared.save(path)
    loaded = gt.load_prepared(path, f)
    np.testing.assert_array_equal(loaded(X).toarray(), np.diag(6 * X if mode == "hessian" else 2 * X))
    assert loaded.n_colors == prepared.n_colors


def test_open_files() -> None:
    file = io.BytesIO()
    gt.prepare_jacobian(square, X).save(file)
    file.seek(0)
    assert gt.load_prepared(file, square)(X).nnz == 3


def test_files_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "a.npz"
    with pytest.raises(FileNotFoundError, match=r"gradtape.jacobian: cannot save to .*: there is no such folder"):
        gt.prepare_jacobian(square, X).save(missing)
    for path in (missing, tmp_path / "b"):
        with pytest.raises(FileNotFoundError, match=rf"gradtape.load_prepared: there is no file {path}$"):
            gt.load_prepared(path, square)


def test_files_of_something_else_and_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    gt.prepare_jacobian(square, X).save(path)
    whole, contents = path.read_bytes(), dict(np.load(path))

    def refused() -> None:
        with pytest.raises(ValueError, match=r"gradtape.load_prepared: .* holds no prepared derivative, or is damaged"):
            gt.load_prepared(path, square)

    for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused()
    path.write_bytes(bytes([b ^ 255 if i == len(whole) // 3 else b for i, b in enumerate(whole)]))
    refused()
    path.write_text("hello")
    refused()
    others: list[dict[str, Any]] = [{key: contents[key] for key in contents if key != missing} for missing in contents]
    others += [contents | {"indices": contents["indices"] + 7}, contents | {"colors0": contents["colors0"][:2]}]
    others += [{"a": 1}]
    others += [contents | {"settings": np.array(["Other", "forward", "auto", "csr", "0"])}]
    for other in others:
        np.savez(path, **other)
        refused()
    with path.open("wb") as file:
        np.save(file, X)
    refused()
    path.unlink()
    path.mkdir()
    refused()


TAPE = gt.GradientTape(persistent=True)
with TAPE:
    SOURCE = gt.Variable(X)
    TARGET = gt.sum(SOURCE**3)


@pytest.mark.parametrize(
    "call",
    [
        lambda size: gt.jacobian(square, batch_size=size)(X),
        lambda size: gt.jacobian(square, mode="forward", batch_size=size)(X),
        lambda size: gt.jacobian(square, sparse=True, batch_size=size)(X),
        lambda size: gt.hessian(cubes, batch_size=size)(X),
        lambda size: gt.hessian(cubes, sparse=True, batch_size=size)(X),
        lambda size: gt.hessian_blocks(cubes, X, batch_size=size),
        lambda size: gt.hessian_diagonal(cubes, X, batch_size=size),
        lambda size: gt.laplacian(cubes, batch_size=size)(X),
        lambda size: gt.prepare_jacobian(square, X, batch_size=size),
        lambda size: gt.prepare_hessian(cubes, X, batch_size=size),
        lambda size: TAPE.jacobian(TARGET, SOURCE, batch_size=size),
        lambda size: TAPE.hessian(TARGET, SOURCE, batch_size=size),
    ],
)
def test_batch_sizes(call: Any) -> None:
    for size in (True, False, 2.5, 2.0, "2", np.float64(2)):
        with pytest.raises(TypeError, match="batch_size must be a positive int"):
            call(size)
    for size in (0, -1):
        with pytest.raises(ValueError, match="batch_size must be a positive int"):
            call(size)
    call(np.int64(2))
