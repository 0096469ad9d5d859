"""
How near do weights come to the true ratio?
===========================================

Source and target are Gaussian, so the true weight of each source row is known: the ratio of the two
densities. Each weighter estimates it from rows alone. A weighter that assumes Gaussian domains has
an advantage here.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from sktransfer import (
    DiscriminatorWeighter,
    GaussianWeighter,
    KLIEPWeighter,
    KMMWeighter,
    NearestNeighborWeighter,
    ULSIFWeighter,
    pack_domains,
)

# %%
# 300 source rows around 0, 200 target rows around 1, less wide.

rng = np.random.default_rng(0)
X_source, X_target = rng.normal(0.0, 1.0, size=(300, 1)), rng.normal(1.0, 0.6, size=(200, 1))
X, _, sample_domain = pack_domains({"source": X_source}, target=X_target)
is_source = sample_domain == "source"
ratio = (norm.pdf(X_source, 1.0, 0.6) / norm.pdf(X_source, 0.0, 1.0)).ravel()
ratio /= ratio.mean()
order = np.argsort(X_source[:, 0])

weighters = {
    "GaussianWeighter": GaussianWeighter(),
    "DiscriminatorWeighter": DiscriminatorWeighter(),
    "ULSIFWeighter": ULSIFWeighter(random_state=0),
    "RuLSIF (alpha=0.1)": ULSIFWeighter(alpha=0.1, random_state=0),
    "KLIEPWeighter": KLIEPWeighter(random_state=0),
    "KMMWeighter": KMMWeighter(bound=20),
    "NearestNeighborWeighter": NearestNeighborWeighter(),
}

# %%
# The line is the true ratio, each dot a source row. The title gives the root mean squared distance
# between both; weights of 1 come first.

figure, panels = plt.subplots(2, 4, figsize=(13, 6), sharex=True, sharey=True, layout="constrained")
for panel, (name, weighter) in zip(panels.ravel(), ({"all alike": None} | weighters).items()):
    weights = np.ones(len(X_source))
    if weighter is not None:
        weights = weighter.fit(X, sample_domain=sample_domain).weights_[is_source]
    panel.plot(X_source[order, 0], ratio[order], color="0.3", linewidth=1)
    panel.scatter(X_source[:, 0], weights, s=8, color="#2b6cb0")
    panel.set_title(f"{name}: off by {np.sqrt(np.mean((weights - ratio) ** 2)):.2f}")
figure.supxlabel("the feature")
figure.supylabel("weight")
plt.show()
