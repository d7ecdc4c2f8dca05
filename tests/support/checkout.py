"""A checkout that can be deployed, and the variables of a shell in which it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from deploy import package
from tests.support.paths import ROOT

#: Keys, bucket and region of an account that does not exist.
VARIABLES = {
    "TENCENT_SECRET_ID": "AKIDdeployer",
    "TENCENT_SECRET_KEY": "key-of-the-deployer",
    "COS_BUCKET": "media-1250000000",
    "COS_REGION": "ap-guangzhou",
}


class Checkout:
    """A checkout of its own with an empty bundle, and `variables` that suffice to deploy it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.variables = dict(VARIABLES)
        root.mkdir()
        (root / "functions").symlink_to(ROOT / "functions")
        (root / "serverless.yml").write_text((ROOT / "serverless.yml").read_text())
        monkeypatch.setattr(package, "install_dependencies", lambda bundle: bundle.mkdir(parents=True))
        monkeypatch.setattr(package, "copy_sources", lambda source, target: None)
        monkeypatch.setattr(package, "find_python", lambda _: sys.executable)
        monkeypatch.setattr(package, "compile_bundle", lambda bundle, python: None)

    @property
    def document(self) -> dict[str, object]:
        """What dist/serverless.yml says."""
        text = (self.root / "dist" / "serverless.yml").read_text()
        return dict(yaml.safe_load(text))

    def edit(self, old: str, new: str) -> None:
        """Replace a text of serverless.yml."""
        path = self.root / "serverless.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
