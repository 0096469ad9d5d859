"""
Can a class be found by its name alone?
=======================================

Words of ten classes have labels. Words of four other classes have none, and only the name of each
class says what it is. The vectors of the names describe all classes, and the labelled words teach
how the vector of a word goes with that of its class. Here it is a loss: words and names are vectors
of one table, so that the nearest name needs no learning, and ten classes teach less than that.
"""

import matplotlib.pyplot as plt
import numpy as np

from sktransfer import PretrainedTextExtractor, ZeroShotClassifier

SEEN = {
    "animal": "dog cat horse cow pig sheep lion tiger rabbit goat",
    "vehicle": "car truck bus motorcycle van bicycle train tractor taxi wagon",
    "color": "red blue green yellow purple orange brown white black pink",
    "furniture": "chair table sofa desk bed cabinet shelf bench couch drawer",
    "profession": "teacher lawyer engineer farmer nurse pilot journalist carpenter baker dentist",
    "city": "paris london berlin madrid rome moscow tokyo chicago boston vienna",
    "tool": "hammer drill knife wrench axe shovel scissors saw rope ladder",
    "clothing": "shirt jacket trousers dress hat shoes socks coat skirt gloves",
    "weather": "rain snow storm wind cloud sunshine thunder fog frost heat",
    "sport": "football tennis hockey golf swimming boxing rugby cycling skiing volleyball",
}
UNSEEN = {
    "fruit": "apple banana pear grape mango lemon cherry peach plum melon",
    "instrument": "piano guitar violin drums flute trumpet cello saxophone harp clarinet",
    "emotion": "anger joy fear sadness love shame grief envy pride disgust",
    "metal": "iron copper gold silver zinc aluminum lead nickel tin steel",
}


def words_and_classes(table):
    """Return the words of all classes, and the class of each."""
    words = [word for text in table.values() for word in text.split()]
    return words, np.repeat(list(table), [len(text.split()) for text in table.values()])


# %%
# Names describe the classes: a dict from each class to a text. Nothing else is known about the
# unseen ones.

reader = PretrainedTextExtractor("words")
words, y = words_and_classes(SEEN)
X = reader.fit_transform(words)
new_words, y_new = words_and_classes(UNSEEN)
X_new = reader.transform(new_words)
names = {name: name for name in [*SEEN, *UNSEEN]}

models = {
    method: ZeroShotClassifier(names, method=method, candidates="unseen").fit(X, y)
    for method in ("eszsl", "sae", "dap", "conse")
}
directions = [vector / np.linalg.norm(vector) for vector in reader.transform(list(UNSEEN))]
nearest = np.array(list(UNSEEN))[(X_new @ np.transpose(directions)).argmax(axis=1)]
accuracy = {"nearest name": np.mean(nearest == y_new)}
accuracy |= {method: model.score(X_new, y_new) for method, model in models.items()}
for name, value in accuracy.items():
    print(f"{name:12} {value:.2f}")

# %%
# The probabilities of the four classes for each of their words.

model = models["eszsl"]
places = [list(model.classes_).index(name) for name in UNSEEN]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 6), layout="constrained", width_ratios=[1, 1.2]
)
left.imshow(model.predict_proba(X_new)[:, places], cmap="Blues", vmin=0, vmax=1, aspect="auto")
left.set_xticks(range(4), list(UNSEEN), rotation=30)
left.set_yticks(range(len(new_words)), new_words, fontsize=7)
left.set_title("probability by 'eszsl'")
right.barh(list(accuracy), list(accuracy.values()))
right.axvline(0.25, color="gray", linestyle=":")
right.set_xlabel("share of words right (dots: chance)")
plt.show()
