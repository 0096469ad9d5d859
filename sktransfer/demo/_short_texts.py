"""The line of the demo on texts: sentences on four topics, with two labels each."""

from textwrap import wrap

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sktransfer import PretrainedTextExtractor

N_LABELS = 2

SENTENCES = {
    "weather": """
        Heavy rain is expected in the north tonight.
        The storm left two feet of snow on the roads.
        A cold wind blew from the sea all morning.
        Tomorrow will be sunny and warm.
        Fog kept the planes on the ground.
        The drought has dried out every river.
        Thunder woke the whole village.
        Clouds will clear by the afternoon.
        It froze again last night.
        The hurricane is moving towards the coast.
        Temperatures fell below zero.
        Humid air makes the heat hard to bear.""",
    "cooking": """
        Add the butter and stir until it melts.
        Chop the onions and fry them in oil.
        The soup needs a little more salt.
        Bake the bread for forty minutes.
        We had pasta with tomato sauce for dinner.
        Let the dough rest before you roll it out.
        Garlic and lemon go well with fish.
        She boiled the potatoes and mashed them.
        The cake was too sweet for me.
        Serve the rice with roasted vegetables.
        A pinch of pepper is enough.
        Whisk the eggs with sugar and milk.""",
    "sport": """
        The goalkeeper saved a penalty in the last minute.
        She won the race by half a second.
        Their coach praised the young players.
        The match ended in a draw.
        He missed the final because of an injury.
        The champion lost in three sets.
        Fans filled the stadium hours before the game.
        Our team needs a new striker.
        The swimmer broke the world record.
        Two riders crashed on the last lap.
        They trained hard for the tournament.
        The referee showed him a red card.""",
    "money": """
        The bank raised its interest rates.
        Shares fell sharply after the report.
        Inflation is higher than last year.
        The company paid back its loan.
        Investors sold bonds and bought gold.
        He owes a lot of tax.
        The budget leaves little room for spending.
        Profits doubled in the third quarter.
        The currency lost a tenth of its value.
        She saved enough for a mortgage.
        Oil prices dropped again.
        The fund charges high fees.""",
}


def short_texts(seed):
    """Give the accuracies of tf-idf and of word vectors on the sentences without a label."""
    texts = {topic: text.strip().split("\n") for topic, text in SENTENCES.items()}
    X = np.array([line.strip() for lines in texts.values() for line in lines], dtype=object)
    y = np.repeat(list(texts), [len(lines) for lines in texts.values()])
    rng = np.random.default_rng(seed)
    rows = [rng.choice(np.flatnonzero(y == topic), N_LABELS, replace=False) for topic in texts]
    labelled = np.isin(np.arange(len(y)), rows)
    models = (
        make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
        make_pipeline(PretrainedTextExtractor(), LogisticRegression(C=3)),
    )
    return [m.fit(X[labelled], y[labelled]).score(X[~labelled], y[~labelled]) for m in models]


def format_short_texts(found):
    """Return the means of several draws as text."""
    tfidf, words = np.mean(found, axis=0)
    line = (
        f"Sentences on {len(SENTENCES)} topics, {N_LABELS} labelled per topic: tf-idf has "
        f"{tfidf:.3f}, the word vectors that ship with the package have {words:.3f} (mean of "
        f"{len(found)} draws)."
    )
    return "\n".join(wrap(line, width=100, break_on_hyphens=False))
