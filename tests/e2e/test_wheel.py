"""The wheel alone is enough: installed elsewhere, `hub dev` works there."""

import json
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import requests

from tests.support.dialing import eventually

ROOT = Path(__file__).parents[2]


def test_the_wheel_runs_hub_dev_elsewhere(tmp_path: Path) -> None:
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT))
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    place, data = tmp_path / "venv", tmp_path / "data"
    venv.create(place, with_pip=False)
    [site] = place.glob("lib/python*/site-packages")
    # The dependencies are those of this very environment; the hub itself comes from the wheel, which stands first.
    subprocess.run((sys.executable, "-m", "zipfile", "-e", str(wheel), str(site)), check=True)
    ours = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    (site / "dependencies.pth").write_text(f"{ours}\n")
    elsewhere = tmp_path / "empty"
    elsewhere.mkdir()
    words = ("-m", "cli", "dev", "--data", str(data), "--port", "0", "--no-demo-dialer", "--lead-processes", "1")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (tmp_path / "dev.log").open("wb") as log:
        hub = subprocess.Popen((place / "bin" / "python", *words), cwd=elsewhere, env=env, stdout=log, stderr=log)
    try:
        eventually(lambda: (data / "dev.json").exists() or hub.poll() is not None, 120)
        assert hub.poll() is None, (tmp_path / "dev.log").read_text()
        dev = json.loads((data / "dev.json").read_text())
        key = dev["tenants"]["partner_api"]["key"]
        answer = requests.post(
            dev["api"] + "/api/leads/partner-transfer",
            json={"leads": [{"name": "Ann Lee", "phone": "+442079460123"}]},
            headers={"X-API-Key": key},
            timeout=30,
        )
        assert answer.json()["created"] == 1
    finally:
        hub.send_signal(signal.SIGTERM)
        assert hub.wait(60) == 0
