"""
How many labelled texts does the meaning of words save?
=======================================================

Two short texts on one topic may share no word. Tf-idf cannot see that they are alike; the mean of
pretrained word vectors can. Here the texts are made of lists of nouns, so that a new text has words
that no labelled one had.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sktransfer import PretrainedTextExtractor

NOUNS = {
    "animals": "cat dog horse cow sheep goat lion tiger bear wolf rabbit mouse eagle snake frog "
    "fox deer monkey elephant whale shark duck goose pig",
    "food": "bread cheese butter rice soup salad cake potato tomato onion garlic lemon apple pie "
    "chicken beef pasta pizza sauce coffee milk honey sugar salt",
    "sports": "football tennis goal coach player team league match cup stadium runner swimmer "
    "boxing cricket rugby golf medal referee champion tournament score race athlete hockey",
    "money": "bank stock bond price market tax loan profit share fund investor debt currency "
    "dollar budget trade interest credit economy inflation merger dividend mortgage broker",
}

rng = np.random.default_rng(0)
texts, y = [], []
for topic, nouns in NOUNS.items():
    for _ in range(100):
        first, second = rng.choice(nouns.split(), 2, replace=False)
        texts.append(f"the {first} and a {second}")
        y.append(topic)
texts, y = np.array(texts, dtype=object), np.array(y)
print(texts[[0, 100, 200, 300]])

# %%
# The same classifier reads tf-idf and the word vectors that ship with the package, with 1 to 32
# labels per class. All other texts are the test.

models = {
    "tf-idf": make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
    "words": make_pipeline(PretrainedTextExtractor(), LogisticRegression(C=3)),
}
counts = [1, 2, 4, 8, 16, 32]
figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, model in models.items():
    means = []
    for count in counts:
        scores = []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            rows = [rng.choice(np.flatnonzero(y == topic), count, replace=False) for topic in NOUNS]
            rows = np.concatenate(rows)
            rest = np.setdiff1d(np.arange(len(y)), rows)
            scores.append(model.fit(texts[rows], y[rows]).score(texts[rest], y[rest]))
        means.append(np.mean(scores))
    print(name, np.round(means, 3))
    axes.plot(counts, means, marker="o", color="0.5" if name == "tf-idf" else "C0", label=name)
axes.set_xscale("log")
axes.set_xticks(counts, [str(count) for count in counts])
axes.minorticks_off()
axes.set_xlabel("labelled texts per class")
axes.set_ylabel("accuracy on other texts")
axes.legend(frameon=False)
plt.show()

# %%
# With many labels each noun has been seen, and the two come close. On long texts, in which single
# words decide, tf-idf is better: compare both on your own.
