"""Docstrings to prose: the three styles, block markup, inline markup, and what is not prose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.text.clean import paragraphs
from unmask.text.prose import plain, prose

NUMPY = """
Compute the weighted mean of an array.

The mean is taken over the flattened array by default, otherwise over
the given axis. Weights that sum to zero raise an error [1]_.

.. deprecated:: 1.4
   This function will be gone soon, use the other function instead.

Parameters
----------
a : array_like
    The array that contains the numbers whose mean is wanted.

    If it is not an array, a conversion is attempted.
axis : int, optional
    The axis along which the means are computed.

Returns
-------
m : ndarray
    A new array that holds the mean values.

See Also
--------
average : Compute the average of the whole array.

Notes
-----
The result is not exact where the input has single precision.

.. math:: x = \\frac{1}{n}

.. note::
    Masked values are left out of the sum and of the count.

References
----------
.. [1] A. Author, "A book that explains the mean", 1998.

Examples
--------
Without an axis the whole array is taken into account.

>>> mean([1, 2])
1.5

A heading below does not end the examples section.
"""

GOOGLE = """Opens a connection and keeps it for later use.

    The pool hands out a connection that is free, and opens a new one where
    none is.

    Args:
        host: The name of the server to which to connect.
        port (int): The port on which the server listens.
            It has to be open from this machine.

    Returns:
        A connection that is ready to be used by the caller.

    Raises:
        TimeoutError: The server did not answer within the time that was given.

    Note:
        A connection is closed when the pool itself is closed by its owner.

    Example::

        pool = Pool("server")
        This line looks like prose but it stands in an example.

    The last paragraph is about nothing in particular, but it is prose.
    """

SPHINX = """Sends a message to everyone who listens.

:param message: The text of the message that is sent to the listeners.
    It goes on here in a second line of text.
:type message: str
:raises ValueError: The message is empty and there is nothing to send.
:returns: The number of listeners that the message has reached.

A listener that is gone is dropped from the list without a warning.

@param other: An epytext field that is a parameter too.
"""


def test_numpy_style():
    assert paragraphs(NUMPY) == [
        "Compute the weighted mean of an array.",
        "The mean is taken over the flattened array by default, otherwise over the given axis. "
        "Weights that sum to zero raise an error.",
        "The result is not exact where the input has single precision.",
        "Masked values are left out of the sum and of the count.",
        "Without an axis the whole array is taken into account.",
        "A heading below does not end the examples section.",
    ]


def test_google_style():
    assert paragraphs(GOOGLE) == [
        "Opens a connection and keeps it for later use.",
        "The pool hands out a connection that is free, and opens a new one where none is.",
        "A connection is closed when the pool itself is closed by its owner.",
        "The last paragraph is about nothing in particular, but it is prose.",
    ]


def test_sphinx_style():
    assert paragraphs(SPHINX) == [
        "Sends a message to everyone who listens.",
        "A listener that is gone is dropped from the list without a warning.",
    ]


KEPT = "This is a sentence that stays where it is."


@pytest.mark.parametrize(
    "block",
    [
        ">>> print('This is a sentence that falls away.')\nThis is a sentence that falls away.",
        "```python\nThis is a sentence that falls away.\n\nSo does the next one here.\n```",
        "~~~\nThis is a sentence that falls away.\n~~~",
        "The code follows::\n\n    This is a sentence that falls away.\n\n    And this one too.",
        ".. code-block:: python\n   :caption: some code\n\n   This is a sentence that falls away.",
        ".. versionadded:: 1.2\n    This is a sentence that falls away.",
        ".. This is a comment and no part of the text.\n   This is a sentence that falls away.",
        ".. [2] This is a footnote and no part of the text.",
        ".. _target: This is a link target of the text.",
        "+------+------+\n| This is a table and no sentence. | x |\n+------+------+",
        "===  ======\nThis is a table and no sentence.\n===  ======",
        "| This is a table. | And this is its cell. |",
        "A Title That Is Long Enough For Prose.\n======================================",
        "# A Markdown title that is long enough.",
        "Methods\n=======\nThis is a sentence that falls away.\n\nNotes\n=====",
        "Returns: This is a sentence that falls away.\n    And it goes on over here.",
        "name\n    This is a sentence that defines a name.",
        "* first_name, second_name\n* third_name, fourth_name, fifth_name",
        "Deprecated since version 3.10 of this package.",
        "Changed in version 3.2: This is a sentence that falls away.",
        "Copyright (c) by the people who wrote this package.",
        "See https://example.org for what is meant by this.",
        "Mail to someone@example.org if there is a question.",
        "The size is \\alpha times what it has been before.",
        "Substituted %(name)s into this sentence before it is shown.",
        "Substituted {name} into this sentence before it is shown.",
        "x = f(a, b) + g(c)[0] and y = h(d).",
        "this goes on from a formula that fell away.",
        "A sentence that ends with what follows it:",
        "A sentence that has no end of its own",
        "Too short for this.",
        "An algorithm that has been described in [1]_.",
        "12 34 56 78 90 12 34 56 78 90.",
    ],
)
def test_what_is_not_prose_falls_away(block):
    assert paragraphs(f"{KEPT}\n\n{block}\n\n{KEPT}") == [KEPT, KEPT]


def test_sections_end_where_their_indent_ends():
    text = f"Summary of the whole function here.\nArgs:\n    x: The value to use for it.\n{KEPT}"
    assert paragraphs(text) == ["Summary of the whole function here.", KEPT]


def test_bullets_are_paragraphs_of_their_own():
    text = (
        "* The first item is a sentence that\n  goes on here.\n* The second item is one as well.\n"
    )
    assert paragraphs(text) == [
        "The first item is a sentence that goes on here.",
        "The second item is one as well.",
    ]


def test_a_sentence_without_its_citation_stays_if_it_is_whole():
    text = "The method is stable [1]_. It was described in [Smith2010]_. It is also quick [2, 3]."
    assert prose(text) == "The method is stable. It is also quick."


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("use ``x`` or `y`", "use x or y"),
        ("a :class:`Thing` of :py:func:`~pkg.mod.make`", "a Thing of make"),
        (":meth:`the method <pkg.Thing.go>` and :attr:`!name`", "the method and name"),
        ("a `title <https://example.org>`_ and a word_.", "a title and a word."),
        ("a [title](https://example.org/a_(b)) here", "a title here"),
        ("[`~hub.Model`] and [`Thing`]", "Model and Thing"),
        ("**very** *important* text", "very important text"),
        ("pass *args and **kwargs on", "pass *args and **kwargs on"),
        ("a <b>bold</b> word", "a bold word"),
        ("epytext L{Thing} and C{None}", "epytext Thing and None"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("a_name and _private stay", "a_name and _private stay"),
        ("space [1]_ , here ;", "space, here;"),
    ],
)
def test_inline_markup_leaves_its_text(marked, expected):
    assert plain(marked) == expected


@given(st.text())
def test_any_docstring_gives_clean_paragraphs(text):
    for paragraph in paragraphs(text):
        assert paragraph == " ".join(paragraph.split())
        assert len(paragraph.split()) >= 5
        assert paragraph.rstrip("\"')]”’")[-1] in ".!?"


@given(st.lists(st.sampled_from([*NUMPY.split("\n"), *GOOGLE.split("\n"), *SPHINX.split("\n")])))
def test_any_order_of_lines_is_handled(lines):
    for paragraph in paragraphs("\n".join(lines)):
        assert ">>>" not in paragraph
        assert ":param" not in paragraph
