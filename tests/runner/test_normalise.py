"""What differs from run to run is taken out of executed notebooks, and nothing else."""

from pathlib import Path

import nbformat

from analytics.runner.normalise import as_text, normalise

STREAM = nbformat.v4.new_output


def _notebook(*cells, **metadata):
    return nbformat.v4.new_notebook(cells=list(cells), metadata=metadata)


def _ran(source, outputs=(), count=1, **metadata):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=count, metadata=metadata)


def test_timings_versions_and_random_ids_do_not_matter():
    first = _notebook(_ran("1", papermill={"duration": 0.1}, execution={"iopub.status.busy": "a"}), papermill={"start_time": "x"})
    second = _notebook(_ran("1", papermill={"duration": 9.0}, count=7), language_info={"name": "python", "version": "3.12.1"})
    assert first.cells[0].id != second.cells[0].id
    assert as_text(normalise(first)) == as_text(normalise(second))


def test_source_outputs_and_tags_matter():
    shown, other = STREAM("stream", text="a\n"), STREAM("stream", text="b\n")
    cells = [_ran("1", [shown]), _ran("2", [shown]), _ran("1", [other]), _ran("1", [shown], tags=["x"])]
    assert len({as_text(normalise(_notebook(cell))) for cell in cells}) == len(cells)


def test_equal_cells_have_different_ids():
    first, second = normalise(_notebook(_ran("1"), _ran("1"))).cells
    assert first.id != second.id
    nbformat.validate(normalise(_notebook(_ran("1"), _ran("1"))))


def test_pieces_of_a_stream_are_joined_in_one_order():
    cut = [STREAM("stream", name="stderr", text="e"), STREAM("stream", text="a"), STREAM("stream", text="b")]
    whole = [STREAM("stream", text="ab"), STREAM("stream", name="stderr", text="e")]
    assert as_text(normalise(_notebook(_ran("1", cut)))) == as_text(normalise(_notebook(_ran("1", whole))))


def test_streams_before_and_after_a_figure_stay_apart():
    figure = STREAM("display_data", data={"text/plain": "f"})
    outputs = normalise(_notebook(_ran("1", [STREAM("stream", text="a"), figure, STREAM("stream", text="b")]))).cells[0].outputs
    assert [output.get("text", "figure") for output in outputs] == ["a", "figure", "b"]


def test_places_and_addresses_are_hidden():
    text = "/home/me/p/data/.staging/slo-12/x and /home/me/p/y, <object at 0x7f00deadbeef>, /tmp/ipykernel_12/345.py:1: UserWarning"
    places = {Path("/home/me/p"): ".", Path("/home/me/p/data/.staging/slo-12"): "."}
    [output] = normalise(_notebook(_ran("1", [STREAM("stream", text=text)])), places=places).cells[0].outputs
    assert output.text == "./x and ./y, <object at 0x0>, <cell>:1: UserWarning"


def test_metadata_of_displays_are_kept():
    shown = STREAM("display_data", data={"text/html": "x"}, metadata={"report": {"kind": "tiles"}, "needs_background": "light"})
    assert normalise(_notebook(_ran("1", [shown]))).cells[0].outputs[0].metadata == {"report": {"kind": "tiles"}}


def test_cells_that_did_not_run_have_no_number():
    cells = normalise(_notebook(_ran("1", count=4), _ran("2", count=None), _ran("3", count=9))).cells
    assert [cell.execution_count for cell in cells] == [1, None, 2]


def test_input_is_not_changed():
    notebook = _notebook(_ran("1", [STREAM("stream", text="a")], papermill={"duration": 1}))
    before = nbformat.writes(notebook)
    normalise(notebook)
    assert nbformat.writes(notebook) == before
