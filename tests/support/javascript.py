"""ESLint, TypeScript and the editor's types. They live in the cache: the host serves everything under js/."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from support.cache import CACHE, Part, digest, quietly

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / ".ci/lint"


def javascript_tools(npm: Path) -> tuple[Path, Part]:
    """The folder with node_modules and copies of our configuration beside it, and how it is made."""
    files = sorted(CONFIGURATION.iterdir())
    folder = CACHE / f"javascript-{digest(*files)}"

    def install() -> None:
        for file in files:
            shutil.copy(file, folder)
        quietly([npm, "install", "--no-audit", "--no-fund", "--no-package-lock"], npm_blame, cwd=folder)

    return folder, Part(folder, [("ESLint and TypeScript", install)])


def npm_blame(output: str) -> str:
    """What npm could not get, by its own words."""
    missing = re.search(r"'(\S+)' could not be found|No matching version found for (\S+?)\.?$", output, re.MULTILINE)
    errors = re.findall(r"^npm (?:error|ERR!) (.+)$", output, re.MULTILINE)
    name = (missing.group(1) or missing.group(2)) if missing else "ESLint, TypeScript or the editor's types"
    return f"Could not install {name}: {(errors or ['npm said nothing'])[0].rstrip('.')}"


def typescript_project(folder: Path) -> Path:
    """A project file beside node_modules that checks this clone's js/."""
    project = folder / f"tsconfig-{digest(str(ROOT))}.json"
    sources = [f"{ROOT.as_posix()}/js/**/*", "./*.d.ts"]
    project.write_text(json.dumps({"extends": "./tsconfig.json", "include": sources}), encoding="utf-8")
    return project
