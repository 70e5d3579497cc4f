"""Look every pinned package up among the known vulnerabilities.

    python -m tests.audit        # make audit

What is found fails. Where the advisories cannot be reached – a closed network, a mirror of packages only – nothing can
be said, and that is said plainly; the exit code is then 0. The auditor (pip-audit) is fetched for this once and thrown
away.
"""

# ruff: noqa: T201 (it talks to a person at a terminal)

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
AUDITOR = "pip-audit==2.10.1"
LOCKS = ("requirements.lock", "tests/requirements.lock")
PATIENCE_SECONDS = 180


def main() -> int:
    """Audit both locks; 1 when a package of one is known to be vulnerable."""
    with tempfile.TemporaryDirectory() as place:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", place]
        if subprocess.run([*install, AUDITOR], check=False, cwd=ROOT).returncode:
            print("audit: SKIPPED, the auditor cannot be fetched")
            return 0
        told = [tell(lock, audit(place, lock)) for lock in LOCKS]
    return max(told)


def audit(place: str, lock: str) -> Any:
    """What the auditor says of a lock, None when it could not say anything."""
    options = ["--requirement", lock, "--disable-pip", "--require-hashes", "--format", "json", "--timeout", "10"]
    command = [sys.executable, "-m", "pip_audit", *options, "--progress-spinner", "off"]
    environment = os.environ | {"PYTHONPATH": place}
    try:
        done = subprocess.run(
            command, check=False, cwd=ROOT, env=environment, capture_output=True, timeout=PATIENCE_SECONDS
        )
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None


def tell(lock: str, answer: Any) -> int:
    """Print what was found in a lock; 1 when something was."""
    packages = answer["dependencies"] if answer else []
    looked_up = [one for one in packages if "skip_reason" not in one]
    if not looked_up:
        print(f"audit of {lock}: SKIPPED, the advisories cannot be reached; nothing is known")
        return 0
    vulnerable = [one for one in looked_up if one["vulns"]]
    for one in vulnerable:
        ids = ", ".join(vuln["id"] for vuln in one["vulns"])
        print(f"audit of {lock}: {one['name']} {one['version']}: {ids}")
    print(f"audit of {lock}: {len(looked_up)} of {len(packages)} looked up, {len(vulnerable)} vulnerable")
    return int(bool(vulnerable))


if __name__ == "__main__":
    sys.exit(main())
