"""Partner API's samples: what is sent, and the answer written beside it.

`N` stands for a lead's id. Numbers are known over all partners, so each sample is sent with new ones.
"""

import json
import re
from pathlib import Path

import pytest

from tests.support.clients import SAMPLES
from tests.support.stack import Hub

FILES = sorted((SAMPLES / "partner_api").glob("*.json"))


@pytest.mark.parametrize("sample", FILES, ids=lambda path: path.stem)
def test_every_sample_gets_the_answer_written_beside_it(hub: Hub, sample: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    for phone in sorted(set(re.findall(r"\+[0-9]{10,}", text))):
        text = text.replace(phone, hub.number())
    case = json.loads(text)
    answer = hub.post("/api/leads/partner-transfer", hub.partner()["key"], case["request"])
    body = json.loads(re.sub(r"Lead ID: [0-9]+", "Lead ID: N", answer.text))
    assert {"status": answer.status_code, "body": body} == case["answer"]
