"""Parameters of a run, checked before anything starts: names that a notebook does not know are errors, never ignored."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analytics import params, tables

__all__ = ["Arguments", "check"]

TIMES = ("start", "end", "now")
TEXTS = ("service", "region")


@dataclass(frozen=True)
class Arguments:
    """Checked parameters.

    Attributes
    ----------
    given : values for the notebook's parameters cell; empty for a run with the project's own parameters
    model : parameters of the stage with the overrides applied; None for a stage that has none
    """

    given: dict[str, Any] = field(default_factory=dict)
    model: Any = None

    @property
    def is_draft(self) -> bool:
        """The run departs from what the project says, so it must not be published."""
        return bool(self.given)

    def telling(self) -> dict[str, Any]:
        """Those a reader of an error wants to see, the given ones first."""
        own = self.model.model_dump() if self.model is not None else {}
        plain = {name: value for name, value in self.given.items() if name != "overrides"}
        return {**plain, **self.given.get("overrides", {}), **{name: value for name, value in own.items() if name not in plain}}


def check(stage: str, given: dict[str, Any] | None, *, root: Path, notebook: Path | None) -> Arguments:
    """Arguments of a run of `stage`.

    A name that the notebook's parameters cell holds goes there; a name of the stage's section of `params.yaml` is an override.

    Raises
    ------
    ValueError
        For a name that neither knows (with the nearest one that does), a value of the wrong type, a time without zone.
    """
    tables.stage_of(stage)
    all_params = params.load(root / "params.yaml")
    model = getattr(all_params, stage, None)
    fields = list(type(model).model_fields) if model is not None else []
    cell = parameters_of(notebook) if notebook is not None else {}
    overrides = dict((given or {}).get("overrides") or {})
    plain: dict[str, Any] = {}
    for name, value in (given or {}).items():
        if name == "overrides":
            continue
        if name in cell:
            plain[name] = _checked(name, value, default=cell[name])
        elif name in fields:
            overrides[name] = value
        else:
            raise ValueError(_unknown(stage, name, [name for name in cell if name != "overrides"] + fields))
    changed = params.section(all_params, stage, overrides) if overrides else model
    differing = {name: value for name, value in overrides.items() if getattr(changed, name) != getattr(model, name)}
    if differing and notebook is not None and "overrides" not in cell:
        raise ValueError(f"{notebook.name} takes no overrides: its parameters cell lacks `overrides = {{}}`")
    kept = {name: value for name, value in plain.items() if value != cell[name]}
    # As the model holds them: "600" from a command line is the number 600.
    values = changed.model_dump(mode="json") if changed is not None else {}
    return Arguments(kept | ({"overrides": {name: values[name] for name in sorted(differing)}} if differing else {}), changed)


def parameters_of(notebook: Path) -> dict[str, Any]:
    """Names and defaults in the cell tagged `parameters` of a notebook."""
    import json

    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code" and "parameters" in cell.get("metadata", {}).get("tags", []):
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            return dict(_defaults(source, notebook))
    return {}


def _defaults(source: str, notebook: Path) -> list[tuple[str, Any]]:
    found = []
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        value = getattr(node, "value", None)
        for target in targets:
            if not isinstance(target, ast.Name) or value is None:
                raise ValueError(f"{notebook.name}: its parameters cell must hold plain `name = value` lines")
            found.append((target.id, ast.literal_eval(value)))
    return found


def _checked(name: str, value: Any, *, default: Any) -> Any:
    if value is None:
        return None
    if default is not None and type(value) is not type(default):
        raise ValueError(f"parameter '{name}' is {value!r}: expected {type(default).__name__}, as {default!r}")
    if name in TEXTS and not isinstance(value, str):
        raise ValueError(f"parameter '{name}' is {value!r}: expected text")
    if name in TIMES:
        import pandas as pd

        try:
            time = pd.Timestamp(value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"parameter '{name}' is {value!r}: expected a time such as 2026-03-01T00:00Z ({error})") from None
        if time.tzinfo is None:
            raise ValueError(f"parameter '{name}' is {value!r}: it has no zone; write 2026-03-01T00:00Z or 2026-03-01T00:00+01:00")
        return time.tz_convert("UTC").isoformat()
    return value


def _unknown(stage: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "it takes " + (", ".join(known) if known else "none")
    return f"stage '{stage}' has no parameter '{name}'; {hint}"
