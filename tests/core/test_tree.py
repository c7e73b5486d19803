"""Nested structures."""

from __future__ import annotations

import collections

import pytest

from triceras import tree

Point = collections.namedtuple("Point", "x y")
STRUCTURES = [
    5,
    [1, [2, 3]],
    (1, (2,), []),
    {"b": 1, "a": [2, {"c": 3}]},
    Point(1, [2, 3]),
    collections.OrderedDict([("z", 1), ("a", 2)]),
    collections.defaultdict(list, {"q": [1]}),
    [None, 1],
]


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_flatten_and_pack_are_inverse(structure: object) -> None:
    leaves = tree.flatten(structure)
    assert tree.pack_sequence_as(structure, leaves) == structure
    assert tree.map_structure(lambda x: x, structure) == structure
    assert [leaf for _, leaf in tree.flatten_with_path(structure)] == leaves
    tree.assert_same_structure(structure, structure)
    tree.assert_same_paths(structure, structure)


def test_dictionaries_flatten_by_sorted_key() -> None:
    assert tree.flatten({"b": 1, "a": 2}) == [2, 1]
    assert tree.flatten_with_path({"b": [1, 2], "a": 3}) == [(("a",), 3), (("b", 0), 1), (("b", 1), 2)]


def test_is_nested() -> None:
    assert [tree.is_nested(x) for x in ([], {}, (), Point(1, 2))] == [True] * 4
    assert [tree.is_nested(x) for x in (1, None, "ab", {1})] == [False] * 4


def test_map_several_structures() -> None:
    assert tree.map_structure(lambda a, b: a + b, {"x": [1, 2]}, {"x": [10, 20]}) == {"x": [11, 22]}
    assert tree.map_structure(lambda a: a, [None, 1], none_is_leaf=False) == [None, 1]
    assert tree.map_structure_up_to([0, 0], lambda a: a, [[1, 2], {"a": 3}]) == [[1, 2], {"a": 3}]
    with pytest.raises(ValueError, match="2"):
        tree.map_structure(lambda a, b: a, [1, 2], [1, 2, 3])
    with pytest.raises(TypeError, match="needs a callable, received 5"):
        tree.map_structure(5, [1])
    with pytest.raises(ValueError, match="at least one structure"):
        tree.map_structure(lambda: 1)


def test_mismatches_name_the_difference() -> None:
    with pytest.raises(ValueError, match="The structures differ"):
        tree.assert_same_structure([1, 2], [1, [2]])
    with pytest.raises(ValueError, match=r"only in a \[\('b',\)\], only in b \[\('c',\)\]"):
        tree.assert_same_paths({"a": 1, "b": 2}, {"a": 1, "c": 2})
    with pytest.raises(ValueError, match="has 2 leaves, the flat sequence 3"):
        tree.pack_sequence_as([1, 2], [1, 2, 3])


def test_traverse() -> None:
    doubled = tree.traverse(lambda x: x * 2 if isinstance(x, int) else None, [1, (2, {"a": 3})])
    assert doubled == [2, (4, {"a": 6})]
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == 1 else None, [1, 2]) == [None, 2]
    order: list[object] = []
    tree.traverse(lambda x: order.append(x), [1, [2]], top_down=False)
    assert order == [1, 2, [2], [1, [2]]]
    assert tree.lists_to_tuples([1, [2, {"a": [3]}]]) == (1, (2, {"a": (3,)}))


def test_shapes_as_leaves() -> None:
    shapes = {"a": (None, 3), "b": [(2,), [4, 5]]}
    assert tree.map_shape_structure(len, shapes) == {"a": 2, "b": [1, 2]}
