"""A table per rule: (text, reason), with near misses that must pass."""

from __future__ import annotations

import pytest

from hanhua.filtering.config import HarmConfig, LanguageConfig, QualityConfig
from hanhua.filtering.document import Draft, Verdict
from hanhua.filtering.harm import build_harm_scorer
from hanhua.filtering.harm.rule import harm
from hanhua.filtering.rules.boilerplate import boilerplate
from hanhua.filtering.rules.empty import empty
from hanhua.filtering.rules.encoding import encoding
from hanhua.filtering.rules.language import language
from hanhua.filtering.rules.length import length
from hanhua.filtering.rules.repetition import repetition
from hanhua.filtering.rules.symbols import symbols

QUALITY = QualityConfig()
STORY = (
    "老张每天清晨推着车出门，先到桥头买两个烧饼，再绕到河边看一会儿别人下棋。冬天河面结了冰，"
    "棋摊搬进茶馆，他便在靠窗的位子上坐下，一壶茶喝到日头偏西，回家路上顺手带一把青菜。"
)
CANTONESE = "佢哋琴日去咗邊度食飯呀？我哋喺街市買咗啲餸，嗰個阿伯仲平咗兩蚊畀我，真係好人嚟㗎。"
CLASSICAL = "學而時習之，不亦說乎？有朋自遠方來，不亦樂乎？人不知而不慍，不亦君子乎？"
JAPANESE = "祖母の家の裏には小さな畑があり、夏になるとトマトやきゅうりがたくさん採れました。"


def check(verdict: Verdict, reason: str | None) -> None:
    assert verdict.reason == (reason or "")
    assert verdict.keep == (reason is None)


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), (" \n\u3000\t", "empty"), ("。", None), ("\u3000　一", None)]
)
def test_empty(text: str, reason: str | None) -> None:
    check(empty(Draft(text)), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (STORY.encode().decode("latin-1"), "encoding.mojibake"),
        (STORY.encode().decode("cp1252", "replace").replace("\ufffd", ""), "encoding.mojibake"),
        (STORY.encode().decode("gb18030", "replace"), "encoding.replacement"),
        (STORY.encode().decode("gb18030", "ignore"), "encoding.mojibake"),
        (STORY.encode("gbk").decode("latin-1"), "encoding.mojibake"),
        ("锟斤拷锟斤拷" * 5 + STORY[:60], "encoding.mojibake"),
        (STORY.replace("，", "\ufffd"), "encoding.replacement"),
        # near misses
        (STORY, None),
        (STORY * 10 + "\ufffd", None),
        ("程序员常说的“锟斤拷”是 U+FFFD 的 UTF-8 字节被当成 GBK 读出来的结果。" + STORY, None),
        ("Le café « À la Bécasse » reste ouvert jusqu’à minuit, dit-elle, et l’été aussi.", None),
        ("Bốn mươi năm sau, bà vẫn nhớ con đường nhỏ dẫn ra bờ sông.", None),
        ("涓涓细流，绛帐春风；淇水汤汤，渐车帷裳。鐵馬金戈，鏗鏘有聲。", None),
        ("臺灣鐵路鐵觀音鑰匙鐘錶鏡頭鍵盤，廠房廚房廳堂廟宇廣場，懷錶憂鬱戀愛。", None),
    ],
)
def test_encoding(text: str, reason: str | None) -> None:
    check(encoding(Draft(text), QUALITY), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (JAPANESE, "language.ja"),
        ("우리 동네에는 오래된 책방이 하나 있습니다. 주인 아저씨는 말이 없습니다.", "language.ko"),
        ("Каждую осень мы всей семьёй ездили к деду в деревню копать картошку.", "language.ru"),
        ("Der alte Uhrmacher öffnete seinen Laden jeden Morgen um Punkt acht.", "language.de"),
        ("The quick brown fox jumps over the lazy dog, and 中文 is only mentioned.", "language.en"),
        # near misses
        (STORY, None),
        (CANTONESE, None),
        (CLASSICAL, None),
        ("牀前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。", None),
        ("优の良品，鲜の每日：这家店的招牌很有意思，老板其实是福建人，店里卖的是面包和豆浆。", None),
        ("学习日语时先背五十音，例如「あ」和「い」，然后再学简单的句子，老师建议每天读半小时课文。", None),
        (
            "使用 `pip install fastapi` 安装，然后运行 `uvicorn main:app --reload` 启动服务器，打开浏览器即可。",
            None,
        ),
        ("12345 67890", None),
    ],
)
def test_language(text: str, reason: str | None) -> None:
    check(language(Draft(text), LanguageConfig()), reason)


def test_language_is_asked_of_chinese_corpora_only() -> None:
    check(language(Draft(JAPANESE, language="other"), LanguageConfig()), None)
    check(language(Draft("An English sentence about nothing.", language="en"), LanguageConfig()), None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("好的，谢谢。", "length.short"),
        ("！！！！！！！！！！！！！！！！！！！！！！！！！", "length.short"),
        ("白日依山尽，黄河入海流。欲穷千里目，更上一层楼。", None),
        (STORY, None),
    ],
)
def test_length(text: str, reason: str | None) -> None:
    check(length(Draft(text), QUALITY), reason)


def test_length_limits_can_be_off_or_zero() -> None:
    assert length(Draft("短"), QualityConfig(min_characters=None)).keep
    assert length(Draft("。"), QualityConfig(min_characters=0)).keep
    check(length(Draft(STORY), QualityConfig(max_characters=50)), "length.long")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("🎉🎊🥳🎈✨💥🔥🌈☀️🍀 早安 🌸🌻🌹🌷💐🌼 加油 🚀🛫🚗", "symbols.emoji"),
        ("┏━━━┳━━━┓\n┃ ★ ┃ ☆ ┃\n┗━━━┻━━━┛ 符号大全", "symbols.marks"),
        ("3.14 2.71 1.41 1.73 0.57 6.28 9.81 1.61 2.23 3.16 表", "symbols.digits"),
        # near misses
        ("今天好开心呀🎉🎉，和大家一起爬山，看到了日出🌄，晚上还吃了火锅🔥，明天继续加油💪", None),
        ("| 姓名 | 年龄 | 城市 |\n|---|---|---|\n| 小明 | 12 | 北京 |\n| 小红 | 13 | 上海 |", None),
        ("圆周率约为3.1415926，自然对数的底约为2.71828，二者都是无理数。", None),
        ("if (a[i] == b[j]) { c[k++] = a[i]; } // 比较两个数组，相等时放入结果", None),
    ],
)
def test_symbols(text: str, reason: str | None) -> None:
    check(symbols(Draft(text), QUALITY), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("太好笑了" + "哈" * 80 + "停不下来", "repetition.runs"),
        ("本店今日特价，欢迎光临选购！\n" * 12, "repetition.lines"),
        ("今天写日记，" + "我不知道该写什么好，" * 15 + "就这样吧。", "repetition.ngrams"),
        (("净水器价格 净水器多少钱一台 净水器哪个牌子好 " * 400), "repetition.ngrams"),
        # near misses
        (STORY, None),
        ("哈哈哈哈，他笑得前仰后合，我也跟着笑起来，谁也不知道为什么好笑。", None),
        ("春眠不觉晓，\n处处闻啼鸟。\n夜来风雨声，\n花落知多少。", None),
        ("啊！黄河！\n你是摇篮。\n啊！黄河！\n你是屏障。\n啊！黄河！\n我们怀念你，歌唱你，守护你。", None),
        ("第一条 本办法自公布之日起施行。\n第二条 本办法由市人民政府负责解释。\n第三条 旧办法同时废止。", None),
    ],
)
def test_repetition(text: str, reason: str | None) -> None:
    check(repetition(Draft(text), QUALITY), reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("首页 | 关于我们 | 联系我们 | 网站地图\n上一篇：没有了\n下一篇：没有了\n版权所有 不得转载", "boilerplate"),
        ("首頁 | 關於我們 | 聯絡資訊\n登入 註冊 忘記密碼\n回到頂部 返回列表 免責聲明 隱私政策", "boilerplate"),
        ("友情链接：\nhttp://www.a.example\nhttp://www.b.example\n申请友链 更多链接>> 返回顶部", "boilerplate"),
        # near misses
        (STORY, None),
        ("用户登录后可以在首页点击进入个人中心，修改密码、查看订单。忘记密码时，系统会发送验证码到绑定的邮箱，"
         "用户输入验证码并设置新密码即可。管理员可以在后台查看注册日志，并按日期筛选。", None),
        ("隐私政策应当写明收集哪些信息、作何用途、保存多久。版权所有者有权要求未经许可的转载者删除作品并赔偿损失，"
         "法院在判决中多次重申这一原则，学者也有不少论述。", None),
    ],
)  # fmt: skip
def test_boilerplate(text: str, reason: str | None) -> None:
    check(boilerplate(Draft(text), QUALITY), reason)


def test_harm_asks_only_for_the_categories_and_score_of_the_configuration() -> None:
    text = "信誉菠菜平台首充送，加➕薇信 abc123 领彩金"
    scorer = build_harm_scorer()
    check(harm(Draft(text), HarmConfig(), scorer=scorer), "harm.gambling")
    check(harm(Draft(text), HarmConfig(categories=("fraud",)), scorer=scorer), None)
    check(harm(Draft(text), HarmConfig(min_score=1.0), scorer=scorer), None)
    check(harm(Draft(text, language="en"), HarmConfig(), scorer=scorer), None)


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown category 'politics'"):
        HarmConfig(categories=("politics",))
