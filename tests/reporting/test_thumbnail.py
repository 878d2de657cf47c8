"""The small drawing of an architecture in a table row."""

import xml.etree.ElementTree as ElementTree

import nas
from nas.reporting.thumbnail import thumbnail
from search_spaces.layout import lay_out

ARCHITECTURE = nas.load("spinenet-49")
SVG = ElementTree.fromstring(thumbnail(ARCHITECTURE))


def classes(tag: str) -> list[list[str]]:
    return [element.get("class", "").split() for element in SVG.iter(tag)]


def test_it_is_one_svg_that_screen_readers_skip():
    assert SVG.tag == "svg"
    assert SVG.get("aria-hidden") == "true"
    assert SVG.get("class") == "dag"
    assert "<text" not in thumbnail(ARCHITECTURE)


def test_every_block_is_a_polygon_with_its_role():
    drawn = classes("polygon")
    assert len(drawn) == len(ARCHITECTURE.nodes)
    assert [names[0] for names in drawn] == [ARCHITECTURE.role(index) for index in range(len(drawn))]
    assert sum(names[0] == "output" for names in drawn) == 5


def test_every_connection_is_a_path_and_the_merge_edge_is_marked():
    connections = lay_out(ARCHITECTURE).connections
    drawn = classes("path")
    assert len(drawn) == len(connections)
    assert sum("merge" in names for names in drawn) == sum(connection.merge for connection in connections) == 1


def test_everything_lies_within_the_picture():
    _, _, width, height = map(float, SVG.get("viewBox").split())
    for polygon in SVG.iter("polygon"):
        for point in polygon.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
