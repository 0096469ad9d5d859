"""
Which of CORAL's three maps moves the rows least?
=================================================

Every map ``Cs^-1/2 Q Ct^1/2`` with an orthogonal ``Q`` gives the source rows the covariance of the
target. They differ in how each row moves. The Monge map moves the rows least, and the published one
(``Q = I``) a little more. The Cholesky map is the cheapest, and may rotate the rows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from sktransfer import CORALAligner, pack_domains

# %%
# Two moons. The instrument of the target has another gain, and crosstalk.

X_source, y_source = make_moons(300, noise=0.08, random_state=0)
X_clean, y_target = make_moons(300, noise=0.08, random_state=1)
X_target = X_clean @ np.array([[1.6, 1.2], [1.2, 2.4]])
X_target += X_source.mean(axis=0) - X_target.mean(axis=0)  # the shift itself is not the question
X, y, sample_domain = pack_domains({"lab": (X_source, y_source)}, target=X_target)

# %%
# The source before and after, over the target in gray. The title says how far a row moved.

figure, panels = plt.subplots(
    1, 4, figsize=(13, 3.6), sharex=True, sharey=True, layout="constrained"
)
for panel, kind in zip(panels, [None, "coral", "monge", "cholesky"]):
    mapped = X_source
    if kind is not None:
        aligner = CORALAligner(ridge=0, map=kind).fit(X, y, sample_domain=sample_domain)
        mapped = aligner.transform(X_source, sample_domain=np.repeat("lab", len(X_source)))
    panel.scatter(*X_target.T, s=8, color="0.8", label="target")
    panel.scatter(*mapped.T, s=8, c=y_source, cmap="coolwarm", label="source")
    moved = np.sqrt(((mapped - X_source) ** 2).sum(axis=1).mean())
    panel.set_title("source as it is" if kind is None else f'map="{kind}": moved {moved:.2f}')
figure.suptitle("The same covariance, three ways to get there")
plt.show()
