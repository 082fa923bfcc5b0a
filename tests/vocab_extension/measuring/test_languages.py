import pytest

from hanhua.vocab_extension.measuring.languages import language_of

CODE = "def f(x):\n    return {k: v[0] for k, v in x.items() if k != '_'}\n"
ENGLISH = "It was the best of times, it was the worst of times; see also (1859), p. 1."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("这个软件还没有发布", "zh-Hans"),
        ("這個軟體還沒有發布", "zh-Hant"),
        ("早上好", "zh"),
        ("这个软件，這個軟體", "zh"),
        ("运行 `pip install hanhua` 安装这个软件", "zh-Hans"),
        ("see the word 汉 in this English sentence", "latin"),
        ("漢字とかな", "ja"),
        (
            "他说「ありがとう」是日语里的谢谢，说的人很多，但这句话本身是中文而不是日语，这样的引文不应改变判断。",
            "zh-Hans",
        ),
        ("한국어 문장입니다", "ko"),
        ("韓國語 한국어 문장입니다", "ko"),
        (ENGLISH, "latin"),
        ("Größe und Straße", "latin"),
        (CODE, "code"),
        (f"# 这个函数没有说明，请阅读代码\n{CODE}", "zh-Hans"),
        ("Съешь же ещё", "other"),
        ("1234 !?", "other"),
        ("", "other"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language
