"""Layers run by this package: what transformers' own give, and how many threads they have."""

import subprocess
import sys

import pytest
import torch
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertLayer

from dawu_qa.layers import TransformerLayer


@pytest.fixture(scope="module")
def layer():
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=12, num_attention_heads=3, intermediate_size=20, attn_implementation="sdpa"
    )
    made = BertLayer(config).eval()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return made


def test_a_layer_gives_what_the_one_it_was_made_of_gives(layer):
    hidden = torch.randn(2, 7, 12)
    torch.testing.assert_close(TransformerLayer(layer).eval()(hidden), layer(hidden))


def test_tokens_that_are_none_are_not_looked_at(layer):
    own = TransformerLayer(layer).eval()
    hidden, mask = torch.randn(1, 5, 12), torch.tensor([[[[True, True, True, False, False]]]])
    torch.testing.assert_close(own(hidden, mask)[:, :3], own(hidden[:, :3]))


def test_a_layer_is_a_copy(layer):
    own = TransformerLayer(layer)
    with torch.no_grad():
        own.wide.weight.zero_()
    assert layer.intermediate.dense.weight.abs().sum() > 0


@pytest.mark.parametrize("first", ["torch", "faiss"])
def test_loading_an_index_leaves_torch_its_threads_whichever_library_came_first(first):
    code = (
        f"import {first}, torch; torch.set_num_threads(2); from dawu_qa import threads;"
        "threads.keep_faiss_to_one_thread(); assert torch.get_num_threads() == 2"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
