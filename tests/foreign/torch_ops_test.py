#!/usr/bin/env python3
"""Strata's operators in a Python program: torch.ops.strata against dense masked attention.

  torch_ops_test.py OPERATOR_LIBRARY

Needs the PyPI wheel of torch; tests/foreign/torch_without_cuda.py runs this with one that lacks its
CUDA packages.
"""

import random
import sys
import warnings

import torch

warnings.filterwarnings("ignore")
torch.ops.load_library(sys.argv[1])
attention = torch.ops.strata.block_sparse_attention


def random_tree(generator, size):
    parents = [-1]
    for token in range(1, size):
        parents.append(generator.randrange(max(0, token - 6), token))
    return parents


def random_batch(seed, sizes):
    generator = random.Random(seed)
    parents, offsets = [], [0]
    for size in sizes:
        begin = offsets[-1]
        parents += [p if p < 0 else p + begin for p in random_tree(generator, size)]
        offsets.append(begin + size)
    return torch.tensor(parents, dtype=torch.int32), torch.tensor(offsets, dtype=torch.int32)


def allowed(parents, offsets):
    """The pairs by their definition: some family holds both."""
    tokens = len(parents)
    families = [{p for p in (t, int(parents[t])) if p >= 0} for t in range(tokens)]
    mask = torch.zeros(tokens, tokens, dtype=torch.bool)
    for x in range(tokens):
        for y in range(tokens):
            mask[x, y] = bool(families[x] & families[y])
    return mask


def dense(q, k, v, mask, scale):
    scores = torch.einsum("qhd,khd->hqk", q, k) * scale
    scores = scores.masked_fill(~mask, float("-inf"))
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), v)


def inputs(tokens, heads, size, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(tokens, heads, size, generator=generator, dtype=torch.double).to(dtype)
            .requires_grad_() for _ in range(3)]


def check_equals_dense():
    tolerances = {torch.double: 1e-12, torch.float: 1e-5, torch.bfloat16: 5e-2}
    for dtype, tolerance in tolerances.items():
        for seed, sizes in enumerate([[1], [2], [1, 1, 7], [40], [13, 1, 30], [90, 64]]):
            parents, offsets = random_batch(seed, sizes)
            q, k, v = inputs(len(parents), 3, 16, dtype, seed)
            weight = torch.randn(q.shape, dtype=dtype)
            out = attention(q, k, v, parents, offsets, 0.25)
            gradients = torch.autograd.grad((out * weight).sum(), (q, k, v))
            wide = [x.detach().double().requires_grad_() for x in (q, k, v)]
            expected = dense(*wide, allowed(parents, offsets), 0.25)
            wanted = torch.autograd.grad((expected * weight.double()).sum(), wide)
            assert out.dtype == dtype
            for ours, theirs in zip((out, *gradients), (expected, *wanted)):
                error = (ours.double() - theirs).abs().max().item()
                limit = tolerance * max(1.0, theirs.abs().max().item())
                assert error <= limit, (dtype, sizes, error)


def check_gradients():
    parents, offsets = random_batch(5, [1, 9, 6])
    q, k, v = inputs(len(parents), 2, 3, torch.double, 5)
    assert torch.autograd.gradcheck(lambda *x: attention(*x, parents, offsets, 0.6), (q, k, v))


def check_registration():
    parents, offsets = random_batch(6, [12, 5])
    q, k, v = inputs(len(parents), 2, 8, torch.float, 6)
    arguments = (q, k, v, parents, offsets, 0.3)
    torch.library.opcheck(torch.ops.strata.block_sparse_attention_forward, arguments)
    torch.library.opcheck(attention, arguments)
    meta = attention(*(x.to("meta") for x in arguments[:5]), 0.3)
    assert meta.shape == q.shape and meta.device.type == "meta"


def check_compiled():
    parents, offsets = random_batch(7, [30])
    q, k, v = inputs(len(parents), 2, 8, torch.float, 7)

    def loss(q, k, v):
        return attention(q, k, v, parents, offsets, 0.3).square().sum()

    plain = torch.autograd.grad(loss(q, k, v), (q, k, v))
    traced = torch.compile(loss, backend="aot_eager", fullgraph=True)
    for ours, theirs in zip(torch.autograd.grad(traced(q, k, v), (q, k, v)), plain):
        assert torch.equal(ours, theirs)


def check_trains():
    """A layer learns to give each token the mean of its neighbours in the tree."""
    torch.manual_seed(1)
    parents, offsets = random_batch(8, [60, 40])
    mask = allowed(parents, offsets).float()
    x = torch.randn(100, 16)
    target = mask @ x / mask.sum(1, keepdim=True)
    project = torch.nn.Linear(16, 48)
    optimizer = torch.optim.Adam(project.parameters(), 0.02)
    losses = []
    for _ in range(150):
        q, k, v = project(x).view(100, 3, 2, 8).unbind(1)
        loss = (attention(q, k, v, parents, offsets, 8 ** -0.5).reshape(100, 16) - target)
        loss = loss.square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0], losses[::50]


def check_refusals():
    parents, offsets = random_batch(9, [5])
    q, k, v = inputs(5, 1, 4, torch.float, 9)
    cases = {
        "tokens but the plan": (q[:4], k[:4], v[:4], parents, offsets),
        "differ in shape": (q, k[:, :, :3], v, parents, offsets),
        "own ancestor": (q, k, v, torch.tensor([1, 0, 0, 0, 0], dtype=torch.int32), offsets),
        "outside its document": (q, k, v, torch.full((5,), 9, dtype=torch.int32), offsets),
        "int32": (q, k, v, parents.long(), offsets),
    }
    for message, arguments in cases.items():
        try:
            attention(*arguments, 1.0)
        except RuntimeError as error:
            assert message in str(error), (message, error)
        else:
            raise AssertionError(f"not refused: {message}")


for check in (check_equals_dense, check_gradients, check_registration, check_compiled,
              check_trains, check_refusals):
    check()
    print(f"{check.__name__}: ok")
