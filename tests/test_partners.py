"""One partner word names its file in every layer."""

from pathlib import Path

import pytest

from hub.store.admin import APIS

LAYERS = {
    "contract": "hub/contracts/{}.py",
    "route": "api/routes/{}.py",
    "sample": "tests/samples/{}/*.json",
    "doc": "docs/partners/{}.md",
}


@pytest.mark.parametrize("word", APIS)
@pytest.mark.parametrize("layer", LAYERS)
def test_every_partner_has_its_file_in_every_layer(word: str, layer: str) -> None:
    assert list(Path(__file__).parents[1].glob(LAYERS[layer].format(word)))
