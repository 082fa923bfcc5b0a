"""The characters that Chinese text is made of: how much of a text they are tells Chinese from a wrong decoding.

A decoder finds a character for almost any pair of bytes, but hardly ever a frequent one.
"""

from __future__ import annotations

# The 600 most frequent of jieba's dictionary, 77% of its running text; then those that differ in Traditional.
_SIMPLIFIED = (
    "一是人了不在有大中国和为这上他个地年来我会以到时要出的生学说道民家子也成行下们于后就发自之对得主长可"
    "过天作分方用多你着部能市等业全里工公经本都而高政法面门动日进区事代那去心小同北定开产前其军还然起种所"
    "如现理机体表力好外与文当两实重新三么只山水关明从化平建又制南内西没此将员名手最东头者月间无安看见各城"
    "十相但已些正口通想度加第她合院物性战由位常点海意场武使次二向治因立数样身情入原问把路被并利石老教万知"
    "级量任江及应省资委务元美特期世湖回系比气汉总展电科金先声提品设或义王社很统处四首共马形己儿司太目基领"
    "队直计别女权话少流命至报米给打变果书清活几州华解议更称程今决张导术府才保交放管结师便走达族反再题色五"
    "京河接条规式县白它改风光运信受什组听布百济党指论强做取技黄神选记斯真却职号界件花类何眼兵传带空干农边"
    "据集联古广完质阳难增历史专官每住商即步认车台林必死游举线言皇土团收考求德叫近备研争非具李众连调感转笑"
    "革该持始英克士尔让拉思根格造较际亲单朝红型价校约器字段周亚深候则功属积快图火千准究往极育装许参半令吃"
    "观鱼精办像帝八复影告远群包整构料随划算象容示投势热值夫网望源息语股铁断派速怎需片爱律纪支早况病境证编"
    "越局推满且列觉服双未居除乐企引标确织初青志率项飞球节察龙响药站施均消客失轻存低甚般击曾防请离落显罗营"
    "足素视护副食创余照兴占巴虽洲村费易试星木黑左宝置跟央识维采六底宫房音环案批切斗富乡另倒若按查故突责严"
)
_TRADITIONAL = (
    "國爲這個來會時學說們於後發對長過業裏經門動進區開產軍還種現機體與當兩實麼關從內沒將員東頭間無見戰點場"
    "數樣問並萬級應資務氣漢總電聲設義統處馬兒領隊計別權話報給變書幾華議稱決張導術結師達題條規縣風運組聽濟"
    "黨論強黃選記卻職號類傳帶幹農邊據聯廣質陽難歷專認車臺遊舉線團備爭衆連調轉該爾讓較際親單紅價約亞則屬積"
    "圖準極裝許參喫觀魚辦復遠羣構隨勢熱網語鐵斷愛紀況證編滿覺雙樂標確織項飛節龍響藥輕擊請離顯羅營視護創餘"
    "興佔雖費試寶識維採宮環鬥鄉責嚴"
)
_MARKS = "，。、：；？！“”‘’「」『』（）《》〈〉【】…—·～\u3000"
FREQUENT = frozenset(_SIMPLIFIED + _TRADITIONAL + _MARKS)
"""Frequent characters of Simplified and Traditional Chinese, and Chinese punctuation."""


def frequent_share(text: str) -> float:
    """Return the share of frequent ones among the characters beyond ASCII; 0 for none.

    >>> frequent_share("我们都是中国人"), frequent_share("鎴戜滑閮芥槸涓浗浜")
    (1.0, 0.0)
    """
    beyond = [character for character in text if character > "\x7f"]
    return sum(map(FREQUENT.__contains__, beyond)) / len(beyond) if beyond else 0.0
