"""Transfer between relations: matrices of users and items, and facts with rules between them."""

from sktransfer.relational._codebook_transfer import CodebookTransfer
from sktransfer.relational._collective_factorization import CollectiveFactorization
from sktransfer.relational._relation_mapper import RelationMapper

__all__ = ["CodebookTransfer", "CollectiveFactorization", "RelationMapper"]
