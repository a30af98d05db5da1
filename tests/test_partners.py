"""One partner word names its file in every layer."""

from pathlib import Path

import pytest

from hub.store.admin import APIS

MISSING = {("margav", "doc"), ("margav", "sample")}
LAYERS = {
    "contract": "hub/contracts/{}.py",
    "route": "api/routes/{}.py",
    "sample": "tests/samples/{}/*.json",
    "doc": "docs/partners/{}.md",
}
NOT_YET = pytest.mark.xfail(strict=True, reason="not served yet")
CASES = [
    pytest.param(word, layer, marks=NOT_YET if (word, layer) in MISSING else ()) for word in APIS for layer in LAYERS
]


@pytest.mark.parametrize(("word", "layer"), CASES)
def test_every_partner_has_its_file_in_every_layer(word: str, layer: str) -> None:
    assert list(Path(__file__).parents[1].glob(LAYERS[layer].format(word)))
