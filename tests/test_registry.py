"""Fitted models: plain data, named by what they hold, the same bytes, never code."""

import io
import json
import pickle
import zipfile

import numpy as np
import numpy.testing as npt
import pytest

from analytics import registry
from analytics.registry import Model


def a_model(**more):
    arrays = {"level": np.array([1.5, np.nan]), "season": np.arange(6, dtype=np.float32).reshape(2, 3), "count": np.array(7)}
    return Model("baseline", arrays, {"alpha": 0.1, "names": ["é"]}, {"inputs": "abc"}, **more)


def place(project):
    return project / "out" / "data" / "models" / "ingest" / "baseline.npz"


def test_a_model_comes_back_as_it_was(project):
    model = a_model()
    model_id = registry.save(model, stage="ingest")
    found = registry.load("baseline", stage="ingest")
    assert (found.name, found.parameters, found.lineage, found.model_id) == ("baseline", model.parameters, model.lineage, model_id)
    assert found.arrays.keys() == model.arrays.keys()
    for name, array in model.arrays.items():
        npt.assert_array_equal(found.arrays[name], array)
        assert (found.arrays[name].dtype, found.arrays[name].shape) == (array.dtype, array.shape)
    assert registry.models("ingest") == ["baseline"]


def test_the_same_model_has_the_same_bytes_and_id(project):
    first = registry.save(a_model(), stage="ingest")
    content = place(project).read_bytes()
    turned = a_model()
    arrays = {
        name: np.asfortranarray(turned.arrays[name]) if turned.arrays[name].ndim else turned.arrays[name]
        for name in reversed(turned.arrays)
    }
    assert registry.save(Model("baseline", arrays, dict(reversed(turned.parameters.items())), turned.lineage), stage="ingest") == first
    assert place(project).read_bytes() == content


def test_the_id_changes_with_everything_that_a_model_is():
    base = a_model()
    others = [
        Model("other", base.arrays, base.parameters, base.lineage),
        Model("baseline", {**base.arrays, "level": np.array([1.5, 2.0])}, base.parameters, base.lineage),
        Model("baseline", {**base.arrays, "season": base.arrays["season"].reshape(3, 2)}, base.parameters, base.lineage),
        Model("baseline", {**base.arrays, "level": base.arrays["level"].astype(np.float32)}, base.parameters, base.lineage),
        Model("baseline", base.arrays, {**base.parameters, "alpha": 0.2}, base.lineage),
        Model("baseline", base.arrays, base.parameters, {"inputs": "abd"}),
    ]
    assert len({base.model_id, *(other.model_id for other in others)}) == 7


def test_every_damaged_byte_is_found(project):
    registry.save(a_model(), stage="ingest")
    content = place(project).read_bytes()
    wrong = []
    for at in range(0, len(content), 3):
        place(project).write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        try:
            found = registry.load("baseline", stage="ingest").model_id
        except ValueError as error:
            found = str(error)
        wrong += [at] * (found != a_model().model_id and "baseline.npz" not in found)
    assert wrong == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip"])
def test_what_is_no_model_names_file_and_remedy(project, content):
    registry.save(a_model(), stage="ingest")
    place(project).write_bytes(content)
    with pytest.raises(ValueError, match=r"baseline\.npz is not a whole model .*; run the stage that fits it again"):
        registry.load("baseline", stage="ingest")


def test_a_foreign_archive_names_file_and_remedy(project):
    place(project).parent.mkdir(parents=True)
    np.savez(place(project), level=np.zeros(3))
    with pytest.raises(ValueError, match="is not a whole model"):
        registry.load("baseline", stage="ingest")


def with_card(project, card):
    """The saved model with another `model.json`."""
    sink = io.BytesIO()
    with zipfile.ZipFile(place(project)) as old, zipfile.ZipFile(sink, "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps(card(json.loads(old.read(name)))) if name == "model.json" else old.read(name))
    place(project).write_bytes(sink.getvalue())


@pytest.mark.parametrize("name", ["format", "model_id", "name", "parameters", "lineage"])
def test_card_that_lacks_something_names_it_and_the_remedy(project, name):
    registry.save(a_model(), stage="ingest")
    with_card(project, lambda card: {key: value for key, value in card.items() if key != name})
    with pytest.raises(ValueError, match=rf"baseline\.npz is not a whole model \(its model\.json lacks {name}\); run the stage"):
        registry.load("baseline", stage="ingest")


def test_card_that_is_no_card_lacks_everything(project):
    registry.save(a_model(), stage="ingest")
    with_card(project, lambda card: [card])
    with pytest.raises(ValueError, match="lacks format, model_id, name, parameters, lineage"):
        registry.load("baseline", stage="ingest")


def test_card_of_a_later_format_asks_for_newer_code(project):
    registry.save(a_model(), stage="ingest")
    with_card(project, lambda card: {"format": 2})
    with pytest.raises(ValueError, match=r"has format 2, this code reads up to 1; update the code"):
        registry.load("baseline", stage="ingest")


def test_changed_contents_are_found_by_the_id(project):
    registry.save(a_model(), stage="ingest")
    sink = io.BytesIO()
    with zipfile.ZipFile(place(project)) as old, zipfile.ZipFile(sink, "w") as new:
        for name in old.namelist():
            changed = io.BytesIO()
            np.save(changed, np.array([9.0, 9.0]))
            new.writestr(name, changed.getvalue() if name == "level.npy" else old.read(name))
    place(project).write_bytes(sink.getvalue())
    with pytest.raises(ValueError, match="is damaged: it says model"):
        registry.load("baseline", stage="ingest")


class Evil:
    """Unpickling this runs code."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_loading_runs_no_code(project):
    registry.save(a_model(), stage="ingest")
    sink = io.BytesIO()
    with zipfile.ZipFile(place(project)) as old, zipfile.ZipFile(sink, "w") as new:
        for name in old.namelist():
            evil = io.BytesIO()
            np.save(evil, np.array([Evil()], dtype=object), allow_pickle=True)
            new.writestr(name, evil.getvalue() if name == "level.npy" else old.read(name))
    place(project).write_bytes(sink.getvalue())
    assert pickle.dumps(Evil())
    with pytest.raises(ValueError, match="is not a whole model"):
        registry.load("baseline", stage="ingest")


def test_arrays_of_objects_and_unspeakable_parameters_are_refused(project):
    with pytest.raises(ValueError, match="array 'level' holds objects; models are numbers only"):
        registry.save(Model("baseline", {"level": np.array([None, {}])}), stage="ingest")
    with pytest.raises(ValueError, match="parameters and lineage must be numbers, text, lists and dicts"):
        registry.save(Model("baseline", {}, {"function": print}), stage="ingest")
    with pytest.raises(ValueError, match=r"model name '\.\./x': use small letters"):
        registry.save(Model("../x", {}), stage="ingest")
    with pytest.raises(ValueError, match="stage 'ingets' does not exist"):
        registry.save(a_model(), stage="ingets")


def test_a_draft_is_found_before_what_is_published(project, monkeypatch):
    monkeypatch.setenv("ANALYTICS_OUT", str(project))
    published = registry.save(a_model(), stage="ingest")
    monkeypatch.delenv("ANALYTICS_OUT")
    assert registry.load("baseline", stage="ingest").model_id == published
    draft = registry.save(Model("baseline", {}), stage="ingest")
    assert registry.load("baseline", stage="ingest").model_id == draft != published


def test_a_model_that_was_not_fitted_names_the_command(project):
    with pytest.raises(FileNotFoundError, match="model 'x' of stage 'ingest' has not been fitted yet; run `analytics run ingest`"):
        registry.load("x", stage="ingest")
    assert registry.models("ingest") == []
