"""Reading sentences together with the question: which are read, and what is made of the layers' logits."""

import numpy as np
import pytest
import torch

from dawu_qa.joint import HINTS, SENTENCES, JointLayers, hints
from dawu_qa.reader.joint_reading import LEAST, READINGS, UNREAD, JointReader

DIM = 4
#: Three sentences of 2, 3 and 200 tokens.
BORDERS = np.asarray([[0, 2], [2, 5], [5, 205]])
QUESTION = np.zeros((3, DIM), np.float32)
NEAR = np.zeros((2, 205), np.float32)
#: Two candidates of the first sentence, one of the second, and one that reaches over its end.
CANDIDATES = np.asarray([[1, 2], [0, 2], [2, 4], [3, 7]])


class Copying(torch.nn.Module):
    """Gives each token's own first three numbers as its logits, and those of the question's first token for none.

    A candidate's logit is its first token's place among all that is read.
    """

    told = torch.nn.Linear(DIM, 3)

    def forward(self, states, marks, hinted, spans):
        self.marks, self.spans = marks[0].tolist(), spans[0].tolist()
        return states[..., :3], spans[..., 0].float(), states[:, 0, [0, 1, 2, 2]]


class Encoder:
    def __init__(self):
        self.joint_layers = Copying()


def reader(encoder, rows=None, borders=BORDERS, candidates=CANDIDATES):
    return JointReader(encoder, states() if rows is None else rows, borders, candidates)


def states(count=205):
    rows = np.zeros((count, DIM), np.float16)
    rows[:, 0] = np.arange(count) % 7
    rows[:, 1] = 1
    rows[:, 2] = np.arange(count)
    return rows


def test_logits_are_those_over_none_and_a_sentence_has_the_mean_of_its_tokens():
    question = QUESTION.copy()
    question[0, :3] = 0.5, 0.25, 1
    reading = reader(Encoder()).read(question, NEAR, np.asarray([1, 0]))
    np.testing.assert_allclose(reading.begin[:5], np.arange(5) - 0.5)
    np.testing.assert_allclose(reading.end[:5], 0.75)
    np.testing.assert_allclose(reading.sentence[:2], [0.5 - 1, 3 - 1])


def test_what_is_not_read_is_marked_so_and_what_is_read_never_counts_as_little():
    question = np.full((3, DIM), 100, np.float32)
    reading = reader(Encoder()).read(question, NEAR, np.asarray([1]))
    assert (reading.begin[[0, 1, 5, 204]] == UNREAD).all()
    assert (reading.begin[2:5] == LEAST).all()
    assert reading.sentence.tolist() == [UNREAD, LEAST, UNREAD]
    assert reading.sentence.max() > UNREAD


def test_candidates_that_lie_within_what_is_read_are_told_from_each_other():
    encoder = Encoder()
    reading = reader(encoder).read(QUESTION, NEAR, np.asarray([1, 0]))
    assert sorted(encoder.joint_layers.spans) == [[3, 5], [4, 5], [5, 7]]
    assert reading.candidate.tolist() == [4, 3, 5, UNREAD]
    alone = reader(encoder).read(QUESTION, NEAR, np.asarray([1]))
    assert encoder.joint_layers.spans == [[3, 5]]
    assert alone.candidate.tolist() == [UNREAD, UNREAD, 3, UNREAD]


def test_sentences_are_read_in_the_order_of_the_text_each_with_its_mark():
    encoder = Encoder()
    reader(encoder).read(QUESTION, NEAR, np.asarray([1, 0]))
    assert encoder.joint_layers.marks == [0, 0, 0, 1, 1, 2, 2, 2]


def test_a_sentence_that_there_is_no_room_for_is_passed_over_unless_it_is_the_likeliest():
    own = reader(Encoder())
    assert own.read(QUESTION, NEAR, np.asarray([0, 2, 1])).sentence[2] == UNREAD
    own = reader(Encoder(), candidates=np.asarray([*CANDIDATES, [6, 8]]))
    alone = own.read(QUESTION, NEAR, np.asarray([2, 0, 1])).sentence
    assert alone[2] > UNREAD
    assert (alone[:2] == UNREAD).all()


def test_where_none_is_likelier_than_any_candidate_the_next_sentences_are_read_too():
    question = QUESTION.copy()
    question[0, 2] = 100
    reading = reader(Encoder()).read(question, NEAR, np.asarray([0, 2, 1]))
    assert (reading.sentence > UNREAD).all()
    assert reading.candidate.tolist() == [LEAST] * 3 + [UNREAD]
    borders = np.stack([np.arange(40), np.arange(1, 41)], axis=1)
    reading = reader(Encoder(), states(40), borders).read(question, NEAR, np.arange(40))
    assert (reading.sentence > UNREAD).sum() == READINGS * SENTENCES


def test_what_is_likelier_than_none_ends_the_reading():
    reading = reader(Encoder()).read(QUESTION, NEAR, np.asarray([0, 2, 1]))
    assert reading.sentence[2] == UNREAD


def test_no_more_sentences_are_read_than_there_are_marks():
    encoder = Encoder()
    borders = np.stack([np.arange(40), np.arange(1, 41)], axis=1)
    reader(encoder, states(40), borders).read(QUESTION, NEAR, np.arange(40))
    assert max(encoder.joint_layers.marks) == SENTENCES


@pytest.mark.parametrize("encoder", [object(), type("Other", (), {"joint_layers": None})()])
def test_without_layers_nothing_is_read(encoder):
    reading = reader(encoder).read(QUESTION, NEAR, np.asarray([0]))
    assert (reading.candidate == UNREAD).all()
    assert not (reading.sentence > UNREAD).any()
    assert (reading.begin == UNREAD).all()


def test_layers_read_padded_questions_as_they_read_each_alone():
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertLayer

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=8, num_attention_heads=2, intermediate_size=16, attn_implementation="sdpa"
    )
    layers = JointLayers([BertLayer(config), BertLayer(config)], 8).eval()
    rows, marks, hinted = torch.randn(1, 5, 8), torch.tensor([[0, 0, 1, 1, 2]]), torch.randn(1, 5, HINTS)
    padded, unhinted = torch.cat([rows, torch.randn(1, 3, 8)], dim=1), torch.randn(1, 3, HINTS)
    mask = torch.arange(8)[None] < 5
    spans = torch.tensor([[[2, 4], [4, 5]]])
    alone = layers(rows, marks, hinted, spans)
    more = torch.cat([marks, torch.zeros(1, 3, dtype=torch.long)], dim=1)
    beside = layers(padded, more, torch.cat([hinted, unhinted], dim=1), spans, mask)
    torch.testing.assert_close(beside[0][:, :5], alone[0])
    torch.testing.assert_close(beside[1], alone[1])
    torch.testing.assert_close(beside[2], alone[2])


def test_a_span_is_known_by_its_ends_and_the_mean_of_what_is_between():
    class First(torch.nn.Module):
        def forward(self, joined):
            return joined[..., [0, 4, 8]] @ torch.tensor([[10000.0], [100.0], [1.0]])

    layers = JointLayers([], 4).eval()
    layers.span = First()
    hidden = torch.arange(12.0).reshape(1, 3, 4)
    assert layers._spans(hidden, torch.tensor([[[0, 3], [1, 2]]])).tolist() == [[804, 40404]]


def test_hints_tell_how_near_a_token_comes_to_the_other_side_and_a_sentence_to_the_question():
    similarities = torch.tensor([[0.9, 0.8, 0.7], [0.7, 0.8, 1.0]])
    found = hints(similarities, torch.tensor([0, 0, 1]))
    torch.testing.assert_close(found[0], torch.zeros(HINTS))
    torch.testing.assert_close(found[1:, 0], torch.tensor([1.0, 2.0, 1.0, 0.0, 2.0]))
    # late interaction: (0.9 + 0.8) / 2 of the first sentence, (0.7 + 1.0) / 2 of the second
    torch.testing.assert_close(found[:, 1], torch.zeros(6), atol=1e-5, rtol=0)
    apart = hints(torch.tensor([[0.9, 0.7], [0.9, 0.8]]), torch.tensor([0, 1]))
    torch.testing.assert_close(apart[3:, 1], torch.tensor([0.0, -0.15 / 0.1 * 2]))


@pytest.mark.model
def test_the_shipped_layers_tell_a_sentence_that_answers_from_one_that_does_not(pipeline):
    encoder = pipeline.encoder
    text = "镇图书馆2019年5月建成,投入资金320万元。周末开放到晚上九点。"
    passage, border = encoder.encode_passage([text])[0], text.index("周末")
    first = int(np.searchsorted(passage.token_ends, border, side="right"))
    borders = np.asarray([[0, first], [first, len(passage.tokens)]])
    own = reader(encoder, passage.lower[1:].astype(np.float16), borders, borders)

    def sentences(question):
        asked = encoder.encode_query([question])[0]
        return own.read(asked.lower, asked.tokens @ passage.tokens.T, np.asarray([0, 1])).sentence

    spent, opened, unknown = (
        sentences(question) for question in ("图书馆花了多少钱?", "周末几点关门?", "馆长叫什么名字?")
    )
    assert spent[0] > spent[1]
    assert opened[1] > opened[0]
    assert unknown.max() < min(spent[0], opened[1])
