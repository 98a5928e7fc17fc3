"""`firth.sparse`: matrices that store only some elements, under torch.sparse's names.

>>> import firth
>>> links = firth.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], requires_grad=True)
>>> (links @ firth.ones(3, 1)).sum().backward()
>>> links.grad.to_dense().tolist()
[[0.0, 0.0, 1.0], [1.0, 0.0, 1.0]]
"""

from firth.sparse.base import SparseTensor
from firth.sparse.build import sparse_coo_tensor, sparse_csr_tensor
from firth.sparse.coo import SparseCOO
from firth.sparse.csr import SparseCSR
from firth.sparse.functions import addmm, log_softmax, mm, sampled_addmm, softmax, sum
from firth.tensor.arguments import guarded

__all__ = [
    "SparseCOO", "SparseCSR", "SparseTensor", "addmm", "log_softmax", "mm", "sampled_addmm",
    "softmax", "sparse_coo_tensor", "sparse_csr_tensor", "sum",
]  # fmt: skip

guarded(globals(), __all__)
