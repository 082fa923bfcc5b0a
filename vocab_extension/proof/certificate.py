"""The certificate of an extension: what was checked of which files, for a checker that trusts none of this program.

`check_certificate.py`, which lies beside this file, confirms it with the standard library alone.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from hanhua.artifacts.files import sha256_of, write_json
from hanhua.errors import InputError
from hanhua.vocab_extension.proof import check_certificate
from hanhua.vocab_extension.proof.pair import Pair
from hanhua.vocab_extension.proof.shared_pretokens import shared_pretokens
from hanhua.vocab_extension.proof.verify import Check, Examination

CHECKER = Path(str(check_certificate.__file__))


def certificate_of(examination: Examination) -> dict[str, Any]:
    """Return the certificate as JSON data: hashes and counts, what is proved, and what was tried and on how much."""
    pair = examination.pair
    return {
        "certificate": "byte-level BPE extension",
        "version": 1,
        "holds": examination.holds,
        "counts": _counts(pair),
        "proved": [_theorem(check) for check in examination.checks if check.proved],
        "tried": [_theorem(check) for check in examination.checks if not check.proved],
        "beside_han": shared_pretokens(pair).as_json(),
        "tried_on": [trial.as_json() for trial in examination.trials],
    }


def write_certificate(examination: Examination, out: Path) -> None:
    """Write the certificate; InputError when its folder is missing."""
    if not out.parent.is_dir():
        raise InputError(f"{out.parent}: no such folder to write the certificate into")
    write_json(out, certificate_of(examination))


def checker_command(examination: Examination, out: Path) -> str:
    """Return the command that confirms a written certificate."""
    pair = examination.pair
    return shlex.join(["python", *map(str, (CHECKER, out, pair.base.place, pair.extended.place))])


def _theorem(check: Check) -> dict[str, Any]:
    theorem = check.as_json()
    theorem["counter_examples"] = theorem.pop("problems")
    return theorem


def _counts(pair: Pair) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "extended.first_new_id": pair.base.size,
        "extended.new_tokens": len(pair.new_tokens),
    }
    for name, file in (("base", pair.base), ("extended", pair.extended)):
        ids = {**file.vocab, **{token["content"]: token["id"] for token in file.added}}
        counts |= {f"{name}.sha256": sha256_of(file.place), f"{name}.ids": len(set(ids.values()))}
        counts |= {f"{name}.merges": len(file.merges), f"{name}.added": len(file.added)}
    return counts
