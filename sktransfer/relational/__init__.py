"""Transfer between relations: matrices of users and items, with or without common entities."""

from sktransfer.relational._codebook_transfer import CodebookTransfer
from sktransfer.relational._collective_factorization import CollectiveFactorization

__all__ = ["CodebookTransfer", "CollectiveFactorization"]
