"""Texts without Han characters, and random Unicode: what an extension must leave alone, and give back whole."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from hanhua.zh_text.scripts import HAN

HAS_HAN = re.compile(f"[{HAN}]")

HAN_FREE = (
    "The quick brown fox jumps over the lazy dog; it's 3.14159 times faster than 1,000,000 tortoises.",
    "  leading spaces,\ttabs\tand\n\n\nempty lines\r\nof Windows  ",
    'def f(x: int) -> dict[str, float]:\n    """Doc."""\n    return {"y": x ** 2 / 3.0, **{}}  # TODO\n',
    'for (let i = 0; i < n; ++i) { s += `${a[i]}\\n`; } // => "done"',
    "SELECT COUNT(*) FROM t WHERE a >= 10 AND b LIKE '%x_' ORDER BY 1;",
    '<div class="a-b">&nbsp;</div> <!-- x --> {"k": [1, null, true]} https://example.org/a?b=c#d',
    "Français : à l'œuvre où ça gêne. Español: ¿qué tal, señor? Português: não há pão.",
    "Größe, Straße, Übermut; Čeština žluťoučký kůň; zażółć gęślą jaźń; İstanbul'da ığdır; tiếng Việt.",
    "Съешь же ещё этих мягких французских булок. Щастя здоров'я. Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "أبجد هوز حطي كلمن، سعفص قرشت. שלום עולם. فارسی را پاس بداریم.",
    "नमस्ते दुनिया। বাংলা ভাষা। தமிழ் மொழி. తెలుగు. ಕನ್ನಡ. മലയാളം. ગુજરાતી.",
    "ภาษาไทยไม่มีช่องว่าง ລາວ ភាសាខ្មែរ မြန်မာ བོད་སྐད། ᠮᠣᠩᠭᠣᠯ ქართული Հայերեն አማርኛ",
    "ひらがなとカタカナだけのぶんしょう。コーヒー、ください！「はい」ｶﾞﾝﾊﾞﾚ",
    "한국어 문장입니다. 띄어쓰기가 있고, 숫자 1234도 있다. ㅋㅋㅋ",
    "😀👍🏽👨‍👩‍👧‍👦🏳️‍🌈🇫🇷 ❤️ ☃ ✓ → ∑∫√∞≠ ½ № ™ € £ ¥",
    "，。！？；：、“”‘’《》【】（）…—～·「」『』\u3000",
    "x̂ é ñ ﬁ ﬀ Å \u200b\u200d\ufeff\u00a0\u3000 \u202eabc\u202c",
    "",
)

_PLANES = ((0x20, 0x7F), (0xA0, 0x2FF), (0x370, 0x1FFF), (0x2000, 0x33FF), (0xA000, 0xD7FF), (0xE000, 0xFFFF))
_HAN_PLANES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x4E00, 0x5FFF), (0x20000, 0x2A6DF))
_HIGH = ((0x10000, 0x1FFFF), (0x1F300, 0x1FAFF), (0xE0000, 0xE01EF), (0xF0000, 0x10FFFF))


def random_texts(number: int, *, han: bool, seed: int = 0) -> Iterator[str]:
    """Yield random Unicode strings, the same for the same seed, mixing scripts, marks and line ends."""
    random_ = random.Random(seed)
    ranges = [*_PLANES, *_HIGH, *((_HAN_PLANES * 3) if han else ())]
    made = 0
    while made < number:
        characters = []
        for _ in range(random_.randint(1, 12)):
            low, high = random_.choice(ranges)
            characters += [chr(random_.randint(low, high)) for _ in range(random_.randint(1, 6))]
            characters.append(random_.choice(["", "", " ", "  ", "\n", "\r\n", "，", "。", "'s", "7"]))
        text = "".join(characters)
        if han or not HAS_HAN.search(text):
            made += 1
            yield text


def without_han(texts: Iterator[str]) -> Iterator[str]:
    """Yield the lines that hold no Han character."""
    for text in texts:
        for line in text.splitlines(keepends=True):
            if not HAS_HAN.search(line):
                yield line
