"""Built-in texts: without Han, which an extension must leave alone; with Han; Japanese and Korean; random Unicode."""

from __future__ import annotations

import random
from collections.abc import Iterator

from hanhua.vocab_extension.proof.han_bytes import HAS_HAN

__all__ = ["HANJA_TEXT", "HAN_FREE", "HAN_TEXTS", "HAS_HAN", "JAPANESE_TEXT", "random_texts"]

HAN_FREE = (
    "The quick brown fox jumps over the lazy dog; it's 3.14159 times faster than 1,000,000 tortoises.",
    "  leading spaces,\ttabs\tand\n\n\nempty lines\r\nof Windows  ",
    'def f(x: int) -> dict[str, float]:\n    """Doc."""\n    return {"y": x ** 2 / 3.0, **{}}  # note\n',
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
HAN_TEXTS = (
    "汉化：让 Llama 3 用更少的词元读中文。",
    "  “你好，世界！”她说——然后离开了……\n第二行\r\n\t缩进的一行",
    "使用Python3.10编写的def函数，返回None；价格￥1,234.50元。",
    "這個軟體的設定檔放在哪裡？香港嘅人講嘢。〇一二三，佐々木。",
    "東京都は日本の首都です。大韓民國 대한민국 漢字",
    "罕見字：𠮷野家、龘、㐀、﨑、\U0003134a",
)
JAPANESE_TEXT = """図書館の朝は静かだ。開館の三十分前に職員が集まり、返却された本を棚に戻し、新聞を机に並べる。
今日は小学校の児童が見学に来るので、二階の会議室に椅子を用意した。「本はどうやって選ぶのですか」と質問されたら、
購入の予算、利用者の希望、専門家の書評の三つを説明するつもりだ。午後には大学の研究者が、江戸時代の地図について
相談に来る予定である。資料の一部は国立国会図書館のデータベースで公開されており、端末から自由に検索できる。
"""
HANJA_TEXT = """今年 봄에 우리 洞內에서는 古典 讀書 모임을 始作하였다. 每週 土曜日에 會員들이 모여 討論을 한다.
우리 學校의 圖書館에는 歷史와 文學에 關한 冊이 많으며, 學生들은 每日 午後에 自由롭게 利用할 수 있다.
"""

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
