"""What makes an extension sound, whoever made it: more than the file's own consistency, less than our promise of Han.

**Theorem S.** A text whose tokens are none of the new ones has the ids it had.
 *Proof.* Both files cut the text alike and have the base's tokens and merges, those merges first and in order
 (`pipeline`, `base_tokens`, `special_tokens`, `base_merges`, `loads`). In each pre-token the base's merges are done
 first, to their end, as in the base. Each new merge makes a token that is new (`own_merges`), and a merge over it makes
 another new one. So if none of the tokens is new, no new merge was done, and no pre-token was looked up whole as a
 new token: what is left is what the base makes.

An added token that is not special is matched before the text is cut (`flat_tokens`), and one that merges cannot make,
or that the pre-tokenizer cuts, is a row for nothing (`reachability`, `one_pretoken`). A special token that is new is
sound: only a text that spells it out changes.

That only text with a Han character changes is our own, stricter promise (`verify_structure`), and needs every token
to have one.
"""

from __future__ import annotations

from collections.abc import Iterator

from hanhua.vocab_extension.proof.pair import Pair, shown
from hanhua.vocab_extension.tokenizer_json import Merge, saved_limits


def flat_tokens(pair: Pair) -> Iterator[str]:
    """No new token is an added token without being special (add_tokens)."""
    for token in pair.new_added:
        if not token.get("special"):
            yield f"{token['content']!r} (id {token['id']}) is matched before the text is cut, by no merge"


def own_merges(pair: Pair) -> Iterator[str]:
    """Every new merge makes, of two tokens, a third that is new; none is there twice."""
    vocab, new = pair.extended.vocab, pair.new_tokens
    seen = set(pair.base.merges)
    for merge in pair.extended.merges[len(pair.base.merges) :]:
        product = "".join(merge)
        if merge in seen:
            yield f"{_said(merge)} is there twice"
        elif missing := [shown(token) for token in (*merge, product) if token not in vocab]:
            yield f"{_said(merge)}: {', '.join(missing)} is no token"
        elif product not in new:
            yield f"{_said(merge)} makes {shown(product)}, a token of the base, so texts with it may change"
        seen.add(merge)


def whole_texts(pair: Pair) -> Iterator[str]:
    """The file saves no truncation and no padding."""
    yield from saved_limits(pair.extended.data)


def _said(merge: Merge) -> str:
    return " + ".join(map(shown, merge))


SOUND_STRUCTURE = (flat_tokens, own_merges, whole_texts)
