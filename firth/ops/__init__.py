"""The op table: every op by its name, e.g. `ops.add`, and all of them in `ops.TABLE`."""

from __future__ import annotations

from firth.ir.op import TABLE
from firth.ops.activation import (
    celu,
    elu,
    gelu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)
from firth.ops.arrange import (
    diagonal,
    repeat_interleave,
    roll,
    stack,
    tile,
    tril,
    triu,
)
from firth.ops.attention import (
    attention_gradient,
    attention_lse,
    scaled_dot_product_attention,
)
from firth.ops.bits import copysign, hypot, nextafter, signbit
from firth.ops.complex import (
    angle,
    conj,
    imag,
    polar,
    real,
    view_as_complex,
    view_as_real,
)
from firth.ops.complex import (
    complex_ as complex,
)
from firth.ops.compose import (
    acosh,
    asinh,
    atan2,
    atanh,
    clamp,
    cosh,
    div_floor,
    div_trunc,
    erfc,
    exp2,
    fmod,
    integer_pow,
    lerp,
    log2,
    log10,
    logaddexp,
    masked_fill,
    power,
    reciprocal,
    rsqrt,
    sign,
    sinh,
    square,
)
from firth.ops.contract import (
    contract,
    linear,
    matmul,
)
from firth.ops.control import (
    stop_gradient,
)
from firth.ops.conv import (
    conv,
    conv_transpose,
)
from firth.ops.ctc import ctc_loss
from firth.ops.elementwise import (
    abs,
    acos,
    add,
    asin,
    atan,
    bitcast,
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    cast,
    ceil,
    cos,
    div,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    mul,
    neg,
    not_equal,
    pow,
    remainder,
    round,
    shift_left,
    shift_right,
    sin,
    sqrt,
    sub,
    tan,
    tanh,
    trunc,
    where,
)
from firth.ops.factor import cholesky, cholesky_info, cholesky_solve, geqrf, lu, pivots_order, qr
from firth.ops.fft import fft, irfft, rfft
from firth.ops.host import on_pairs
from firth.ops.index import (
    checked_index,
    embedding,
    gather,
    one_hot,
    scatter,
    scatter_along_axis,
    take,
    take_along_axis,
    wrap_index,
)
from firth.ops.linalg import adjugate, det, inv, matrix_exp, pinv, slogdet, solve, solve_triangular
from firth.ops.logic import (
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
)
from firth.ops.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    cross_entropy_soft,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from firth.ops.movement import (
    concatenate,
    dynamic_slice,
    expand,
    flip,
    pad,
    permute,
    reshape,
    window,
)
from firth.ops.movement import (
    slice_ as slice,
)
from firth.ops.norm import (
    batch_norm,
    batch_norm_inference,
    group_norm,
    layer_norm,
    rms_norm,
    standardize,
)
from firth.ops.pool import (
    adaptive_avg_pool,
    avg_pool,
    max_pool,
)
from firth.ops.random import (
    bernoulli,
    dropout,
    multinomial,
    normal,
    permutation,
    randint,
    random_bits,
    uniform,
)
from firth.ops.reduce import (
    all_ as all,
)
from firth.ops.reduce import (
    amax,
    amin,
    cumulate,
    prod,
)
from firth.ops.reduce import (
    any_ as any,
)
from firth.ops.reduce import (
    sum_ as sum,
)
from firth.ops.sampling import poisson_quantile, standard_gamma_grad
from firth.ops.sort import (
    argsort,
    sort,
    topk,
    topk_indices,
)
from firth.ops.source import (
    arange,
    const,
    eye,
    full,
    iota,
    linspace,
)
from firth.ops.source import (
    input_ as input,
)
from firth.ops.special import (  # the others by name, in TABLE
    digamma,
    erfcx,
    erfinv,
    i0,
    igamma,
    lgamma,
    ndtri,
)
from firth.ops.spectral import eig, eigh, eigvals, eigvalsh, svd, svdvals
from firth.ops.statistics import (
    argmax,
    argmin,
    cummax,
    cummin,
    cumprod,
    cumsum,
    log_softmax,
    logsumexp,
    mean,
    norm,
    softmax,
    std,
    var,
)
from firth.ops.symmetric import ldl, ldl_solve
from firth.ops.threefry import (
    threefry,
)

__all__ = [
    "TABLE", "abs", "acos", "acosh", "adaptive_avg_pool", "add", "adjugate", "all", "amax", "amin",
    "angle", "any", "arange", "argmax", "argmin", "argsort", "asin", "asinh", "atan", "atan2",
    "atanh", "attention_gradient", "attention_lse", "avg_pool", "batch_norm",
    "batch_norm_inference", "bernoulli", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "bitcast", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "cast", "ceil", "celu",
    "checked_index", "cholesky", "cholesky_info", "cholesky_solve", "clamp", "complex",
    "concatenate", "conj", "const", "contract", "conv", "conv_transpose", "copysign", "cos", "cosh",
    "cross_entropy", "cross_entropy_soft", "ctc_loss", "cummax", "cummin", "cumprod", "cumsum",
    "cumulate",
    "det", "diagonal", "digamma", "div", "div_floor", "div_trunc", "dropout", "dynamic_slice",
    "eig", "eigh", "eigvals", "eigvalsh", "elu", "embedding", "equal", "erf", "erfc", "erfcx",
    "erfinv", "exp", "exp2", "expand", "expm1", "eye", "fft", "flip", "floor", "floor_divide",
    "fmod", "full", "gather", "gelu", "geqrf", "greater", "greater_equal", "group_norm",
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "huber_loss", "hypot", "i0", "igamma",
    "imag", "input", "integer_pow", "inv", "iota", "irfft", "isfinite", "isinf", "isnan", "kl_div",
    "l1_loss", "layer_norm", "ldl", "ldl_solve", "leaky_relu", "lerp", "less", "less_equal",
    "lgamma", "linear", "linspace", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logsigmoid", "logsumexp", "lu",
    "masked_fill",
    "matmul", "matrix_exp", "max_pool", "maximum", "mean", "minimum", "mish", "mse_loss", "mul",
    "multinomial", "ndtri", "neg", "nextafter", "nll_loss", "norm", "normal", "not_equal",
    "on_pairs", "one_hot", "pad", "permutation", "permute", "pinv", "pivots_order",
    "poisson_quantile", "polar", "pow", "power", "prelu", "prod", "qr", "randint", "random_bits",
    "real", "reciprocal", "relu", "relu6", "remainder", "repeat_interleave", "reshape", "rfft",
    "rms_norm", "roll", "round", "rsqrt", "scaled_dot_product_attention", "scatter",
    "scatter_along_axis", "selu", "shift_left", "shift_right", "sigmoid", "sign", "signbit", "silu",
    "sin", "sinh", "slice", "slogdet", "smooth_l1_loss", "softmax", "softplus", "softshrink",
    "softsign", "solve", "solve_triangular", "sort", "sqrt", "square", "stack",
    "standard_gamma_grad", "standardize", "std", "stop_gradient", "sub", "sum", "svd", "svdvals",
    "take", "take_along_axis", "tan", "tanh", "tanhshrink", "threefry", "threshold", "tile", "topk",
    "topk_indices", "tril", "triu", "trunc", "uniform", "var", "view_as_complex", "view_as_real",
    "where", "window", "wrap_index",
]  # fmt: skip
