"""Linear classifiers over hashed n-grams of characters and pinyin, read window by window.

What the harmful-content classifiers and the quality model share.
"""
