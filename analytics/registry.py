"""Fitted models: plain arrays and numbers, saved, named by the hash of their contents, and found again.

A model is never pickled: loading one runs no code. Its id is the hash of its arrays, its parameters and the data it was fitted on, so the
same fit has the same id everywhere. Until a champion is named in `data/decisions/models.csv`, the newest fit of a stage serves.
"""

from __future__ import annotations

import functools
import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics import session, store, tables

__all__ = ["Model", "encode", "load", "models", "save"]

MODEL_FORMAT = 1
CARD = ("model_id", "name", "parameters", "lineage")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
# A fixed date in the archive: the same model gives the same bytes on any day.
_ARCHIVE_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Model:
    """A fitted state and where it comes from.

    Attributes
    ----------
    name : what it models, e.g. "baseline"
    arrays : its fitted arrays by name; no object arrays
    parameters : numbers, text and lists of them
    lineage : what it was fitted on: hashes of inputs, code and parameters, the window of the data
    """

    name: str
    arrays: dict[str, npt.NDArray[Any]]
    parameters: dict[str, Any] = field(default_factory=dict)
    lineage: dict[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def model_id(self) -> str:
        """First 16 digits of the hash of arrays, parameters and lineage."""
        parts = [json.dumps([self.name, self.parameters, self.lineage], sort_keys=True)]
        for name in sorted(self.arrays):
            array = np.asarray(self.arrays[name], order="C")
            parts += [name, str(array.dtype), str(array.shape), store.digest(array.tobytes())]
        return store.digest(*parts)[:16]

    @property
    def key(self) -> str:
        """What results computed from this model are kept under."""
        return self.model_id


def save(model: Model, *, stage: str, content: bytes | None = None) -> str:
    """Write a fitted model to the stage's output; its id.

    Parameters
    ----------
    content : what `encode` gave for it, if that is known

    Raises
    ------
    ValueError
        For a bad name, an array of objects, or parameters that JSON cannot hold.
    """
    tables.stage_of(stage)
    if not _NAME.fullmatch(model.name):
        raise ValueError(f"model name '{model.name}': use small letters, digits, '-', '_' and '.'")
    objects = [name for name, array in model.arrays.items() if array.dtype.hasobject]
    if objects:
        raise ValueError(f"model '{model.name}': array '{objects[0]}' holds objects; models are numbers only")
    store.write_atomically(session.out() / "models" / stage / f"{model.name}.npz", encode(model) if content is None else content)
    return model.model_id


def load(name: str, *, stage: str, folder: Path | None = None) -> Model:
    """The model of that name that serves, or the one in a folder.

    Raises
    ------
    FileNotFoundError
        If none has been fitted.
    ValueError
        If the file is damaged: its contents do not have the id it was saved under.
    """
    for place in _folders(stage) if folder is None else [folder]:
        if (path := place / f"{name}.npz").is_file():
            return _decode(path)
    raise FileNotFoundError(f"model '{name}' of stage '{stage}' has not been fitted yet; run `analytics run {stage}`")


def models(stage: str, *, folder: Path | None = None) -> list[str]:
    """Names of the fitted models of a stage, or of those in a folder."""
    places = _folders(stage) if folder is None else [folder]
    return sorted({path.stem for place in places if place.is_dir() for path in place.glob("*.npz")})


def _folders(stage: str) -> list[Path]:
    data = session.root() / "data"
    drafts = [data / "draft"] if session.is_draft() else []
    return [folder / "models" / stage for folder in (session.out(), *drafts, data)]


def encode(model: Model) -> bytes:
    """A model as its file: its card and its arrays, compressed."""
    try:
        card = json.dumps(
            {
                "format": MODEL_FORMAT,
                "model_id": model.model_id,
                "name": model.name,
                "parameters": model.parameters,
                "lineage": model.lineage,
            },
            sort_keys=True,
            indent=1,
        )
    except TypeError as error:
        raise ValueError(
            f"model '{model.name}': parameters and lineage must be numbers, text, lists and dicts of them ({error})"
        ) from error
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("model.json", _ARCHIVE_DATE), card, zipfile.ZIP_DEFLATED)
        for name in sorted(model.arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(model.arrays[name], order="C"), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _ARCHIVE_DATE), content.getvalue(), zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def _decode(path: Path) -> Model:
    content = path.read_bytes()
    try:
        # From memory: a damaged place in the archive must not look like an error of the disk.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            card = json.loads(archive.read("model.json"))
            arrays = {
                entry.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(archive.read(entry)), allow_pickle=False)
                for entry in archive.namelist()
                if entry.endswith(".npy")
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a whole model ({error}); run the stage that fits it again") from error
    known = card if isinstance(card, dict) else {}
    lacking = [name for name in ("format", *CARD) if name not in known]
    if "format" in lacking or (lacking and card["format"] <= MODEL_FORMAT):
        raise ValueError(f"{path} is not a whole model (its model.json lacks {', '.join(lacking)}); run the stage that fits it again")
    if card["format"] > MODEL_FORMAT:
        raise ValueError(f"{path} has format {card['format']}, this code reads up to {MODEL_FORMAT}; update the code")
    model = Model(card["name"], arrays, card["parameters"], card["lineage"])
    if model.model_id != card["model_id"]:
        raise ValueError(f"{path} is damaged: it says model {card['model_id']}, its contents are {model.model_id}; fit it again")
    return model
