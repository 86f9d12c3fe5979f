from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Unreadable
from adapters.http_client.reply import Reply
from adapters.registry.decoder import Origin, ReplyDecoder, table, xml_tree
from config.registry.model.answer_formats import CsvTable
from config.registry.model.source import Step
from tests.adapters.person_names import census
from tests.adapters.registry.described import reply

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def decoding(decode: Any, **more: Any) -> ReplyDecoder:
    return ReplyDecoder(Step.model_validate({"request": {"url": "https://x.example/"}, "decode": decode, **more}))


@pytest.mark.parametrize(
    ("document", "tree"),
    [
        ("<a/>", {"a": ""}),
        ("<a>  x y\n</a>", {"a": "x y"}),
        ("<a><b>1</b><c/></a>", {"a": {"b": "1", "c": ""}}),
        ("<a><b>1</b><b/><b>3</b></a>", {"a": {"b": ["1", "", "3"]}}),
        ("<a><b>1</b><c>2</c><b>3</b></a>", {"a": {"b": ["1", "3"], "c": "2"}}),
        ("<a k='v'>x</a>", {"a": {"@k": "v", "#text": "x"}}),
        ("<a k='v'/>", {"a": {"@k": "v"}}),
        ("<a k='1 &amp; 2 &lt; 3 &amp;#38;'/>", {"a": {"@k": "1 & 2 < 3 &#38;"}}),
        ("<a>x<b/>y</a>", {"a": {"b": "", "#text": "xy"}}),
        ("<a><![CDATA[<b>&amp;</b>]]></a>", {"a": "<b>&amp;</b>"}),
        ("<a>x<!-- no -->y<?go away?>z</a>", {"a": "xyz"}),
        ("<n:a xmlns:n='urn:1'><o:b xmlns:o='urn:2' o:k='v'/></n:a>", {"a": {"b": {"@k": "v"}}}),
        ("<a xmlns:n='u' xmlns:o='v'><n:b>1</n:b><o:b>2</o:b></a>", {"a": {"b": ["1", "2"]}}),
        (f"<a {XSI} xsi:type='string'>x</a>", {"a": "x"}),
        (f"<a {XSI}><b xsi:nil='true'/><c xsi:nil='false'/></a>", {"a": {"b": None, "c": ""}}),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>", {"a": "é"}),
        ("<a>&#233;&lt;</a>", {"a": "é<"}),
    ],
)
def test_xml_becomes_a_plain_tree(document: str, tree: Any) -> None:
    content = document.encode("latin-1")
    assert xml_tree(content) == tree
    assert xml_tree(b"\n" * (not document.startswith("<?")) + content) == tree


def test_xml_is_read_in_any_encoding_that_it_declares() -> None:
    assert xml_tree("<a>é</a>".encode()) == {"a": "é"}
    assert xml_tree("\ufeff<a>é</a>".encode()) == {"a": "é"}
    assert xml_tree("<a>é</a>".encode("utf-16")) == {"a": "é"}


SECRET = "root:x:0:0"
DOCTYPES = {
    "plain": "<!DOCTYPE a><a/>",
    "internal entity": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "external entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file://{file}">]><a>&x;</a>',
    "external parameter entity": '<!DOCTYPE a [<!ENTITY % x SYSTEM "file://{file}"> %x;]><a/>',
    "external subset": '<!DOCTYPE a SYSTEM "file://{file}"><a/>',
    "default attribute": '<!DOCTYPE a [<!ATTLIST a number CDATA "9000010000">]><a/>',
    "bomb": census.BOMB + "<a k='&h;'>&h;</a>",
    "quadratic bomb": '<!DOCTYPE a [<!ENTITY x "' + "x" * 300_000 + '">]><a k="' + "&x;" * 100_000 + '"/>',
    "behind a comment": "<!-- x --><!DOCTYPE a><a/>",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7"])
@pytest.mark.parametrize("name", DOCTYPES)
def test_a_document_type_is_refused_before_it_is_read(name: str, encoding: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # opening it would block for ever
    document = DOCTYPES[name].replace("{file}", str(pipe))
    if encoding == "utf-7":
        document = "<?xml version='1.0' encoding='UTF-7'?>" + document.replace("<!DOCTYPE", "+ADwAIQ-DOCTYPE")
        content = document.encode()
    else:
        content = document.encode(encoding)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    with pytest.raises(Unreadable) as caught:
        xml_tree(content)
    assert time.monotonic() - begun < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    assert "document type" in str(caught.value) or encoding == "utf-7"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"   ",
        b"{}",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>&x;</a>",
        b"<a>\x00</a>",
        b"<a>\xff</a>",
        b"<a k='1' k='2'/>",
        b"<a xmlns:n='u' n:k='1' k='2'/>",
        b"<n:a/>",
        b"<n:a/><n:a/>",
        b"<a xmlns='no uri'/>x",
        b"<a " + b"k" * 20_000_000 + b"/>",
        b"<a>" * 65 + b"</a>" * 65,
        b"<a>" * 100_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<?xml version='1.0' encoding='klingon'?><a/>",
        b"<!-- <a/> -->",
    ],
    ids=lambda document: f"{document[:30]!r} {len(document)}",
)
def test_what_is_no_plain_xml_is_unreadable_with_flat_memory(document: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable) as caught:
        xml_tree(document)
    assert caught.value.__context__ is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 90_000


def test_sixty_four_levels_are_read() -> None:
    tree: Any = xml_tree(b"<a>" * 64 + b"</a>" * 64)
    for _ in range(64):
        tree = tree["a"]
    assert tree == ""


@given(st.binary(max_size=200) | st.text("<>/ab&;!?[]'\"= ", max_size=80).map(str.encode))
def test_no_bytes_make_a_reader_fail_otherwise(content: bytes) -> None:
    for decode in ("json", "xml", "csv", ["xml", {"xml_in": "a.b"}]):
        decoded = decoding(decode).read(reply(content))
        assert decoded.origin is Origin.WHOLE or decoded.trouble


@pytest.mark.parametrize(
    ("decode", "body", "word"),
    [
        ("json", b"{}", Origin.WHOLE),
        ("json", b" ", Origin.NOTHING),
        ("json", b"<a/>", Origin.FOREIGN),
        ("xml", b"<a/>", Origin.WHOLE),
        ("xml", b"", Origin.NOTHING),
        ("xml", b"{}", Origin.FOREIGN),
        ("xml", b"<html><body>closed</body></html>", Origin.FOREIGN),
        ("xml", b"<HTML xmlns='http://www.w3.org/1999/xhtml'/>", Origin.FOREIGN),
        ("csv", b"a,b\n1,2\n", Origin.WHOLE),
        ("csv", b"", Origin.NOTHING),
        ("csv", b"<html>\n</html>", Origin.FOREIGN),
        ("csv", b'{"error": "x", "code": 1}', Origin.FOREIGN),
        ("csv", b"The service is closed.\n", Origin.FOREIGN),
    ],
)
def test_whose_word_an_answer_is(decode: str, body: bytes, word: Origin) -> None:
    decoded = decoding(decode).read(reply(body))
    assert decoded.origin is word
    assert (decoded.body is None) is (word is not Origin.WHOLE)
    assert bool(decoded.trouble) is (word is not Origin.WHOLE)


INNER = ["xml", {"xml_in": "a.b"}, {"xml_in": "c.d"}]


@pytest.mark.parametrize(
    ("body", "word", "tree"),
    [
        ("<a><b>&lt;c>&lt;d>&amp;lt;e/>&lt;/d>&lt;/c></b></a>", Origin.WHOLE, {"e": ""}),
        ("<a><b><![CDATA[<c><d>&lt;e>1&lt;/e></d></c>]]></b></a>", Origin.WHOLE, {"e": "1"}),
        (
            "<a><b>&lt;?xml version='1.0' encoding='UTF-16'?>&lt;c>&lt;d>&amp;lt;e>é&amp;lt;/e>&lt;/d>&lt;/c></b></a>",
            Origin.WHOLE,
            {"e": "é"},
        ),
        ("<a><x/></a>", Origin.PART, {"a": {"x": ""}}),
        ("<a><b/></a>", Origin.PART, {"a": {"b": ""}}),
        ("<a><b>closed</b></a>", Origin.PART, {"a": {"b": "closed"}}),
        ("<a><b><c/></b></a>", Origin.PART, {"a": {"b": {"c": ""}}}),
        ("<a><b>&lt;c/></b></a>", Origin.PART, {"c": ""}),
        ("<a><b>&lt;c>&lt;d>&amp;lt;e&lt;/d>&lt;/c></b></a>", Origin.PART, {"c": {"d": "<e"}}),
        ("<a><b>&lt;!DOCTYPE c>&lt;c>&lt;d>&amp;lt;e/>&lt;/d>&lt;/c></b></a>", Origin.PART, None),
    ],
)
def test_xml_in_a_text_is_read_as_far_as_it_goes(body: str, word: Origin, tree: Any) -> None:
    decoded = decoding(INNER).read(reply(body.encode()))
    assert decoded.origin is word
    assert tree is None or decoded.body == tree
    assert bool(decoded.trouble) is (word is Origin.PART)


@pytest.mark.parametrize(
    ("document", "tree"),
    [
        ("<a><b><c>1</c></b></a>", {"a": {"b": {"c": ["1"]}}}),
        ("<a><b><c>1</c><c>2</c></b></a>", {"a": {"b": {"c": ["1", "2"]}}}),
        ("<a><b><c/></b></a>", {"a": {"b": {"c": [""]}}}),
        ("<a><b><c>1</c></b><b><c>2</c></b></a>", {"a": {"b": [{"c": ["1"]}, {"c": ["2"]}]}}),
        ("<a><b/></a>", {"a": {"b": ""}}),
        ("<a><x/></a>", {"a": {"x": ""}}),
    ],
)
def test_a_list_is_one_also_where_one_element_stands_and_none_is_made_up(document: str, tree: Any) -> None:
    assert decoding("xml", as_list=["a.b.c"]).read(reply(document.encode())).body == tree


@pytest.mark.parametrize(
    ("content", "form", "rows"),
    [
        (b"a,b\n1,2\n3,4\n", {}, [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        (b"a,b\r\n1,2\r\n\r\n", {}, [{"a": "1", "b": "2"}]),
        (b"\xef\xbb\xbfa, b \n1,2\n", {}, [{"a": "1", "b": "2"}]),
        (b"a,b\n1,2", {"final_line_end": False}, [{"a": "1", "b": "2"}]),
        (b"a,b\r1,2\r", {}, [{"a": "1", "b": "2"}]),
        (b"a,b\n", {}, []),
        (b"a;b\n1,5;2\n", {"delimiter": ";"}, [{"a": "1,5", "b": "2"}]),
        (b'a,b\n"1\n2","say ""x"""\n', {}, [{"a": "1\n2", "b": 'say "x"'}]),
        (b"a,b\n\xe9,2\n", {"encoding": "iso-8859-1"}, [{"a": "é", "b": "2"}]),
        (b"a,b\n\x80,2\n", {"encoding": "windows-1252"}, [{"a": "€", "b": "2"}]),
    ],
)
def test_a_table_becomes_a_list_of_maps(content: bytes, form: dict[str, str], rows: Any) -> None:
    assert table(content, CsvTable.model_validate(form)) == rows
    assert decoding({"csv": form}).read(reply(content)).body == rows


@pytest.mark.parametrize(
    "content",
    [
        b"a\n1\n",
        b"a,a\n1,2\n",
        b"a,b\n1\n",
        b"a,b\n1,2,3\n",
        b"a,b\n\xff,2\n",
        b"a,b",
        b"a,b\n1,2",
        b"a,b\n1,\x00\n",
        b'a,b\n"1,2\n',
        b'a,b\n"1"x,2\n',
        b"a,b\n1," + b"x" * 200_000,
        b"\n\n",
        b" <a,b>\n",
        b"[1,2]",
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_table_of_the_described_form_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        table(content, CsvTable())
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\né,2\n".encode(), "iso-8859-1"),
        ("a,b\né,2\n".encode(), "iso-8859-15"),
        ("a,b\n€,2\n".encode(), "windows-1252"),
        (b"a,b\n\x80,2\n", "iso-8859-1"),
        (b"a,b\n\x81,2\n", "windows-1252"),
        (b"a,b\n\xe9,2\n", "utf-8"),
    ],
)
def test_a_table_in_another_encoding_is_unreadable(content: bytes, encoding: str) -> None:
    with pytest.raises(Unreadable, match=rf"not in the encoding that is described \({encoding}\)") as caught:
        table(content, CsvTable.model_validate({"encoding": encoding}))
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def test_a_table_has_the_columns_that_its_description_reads() -> None:
    columns = ({"number"}, {"name", "nom"})
    assert table(b"nom,number\n", CsvTable(), columns) == []
    with pytest.raises(Unreadable, match="no column number, which its description reads"):
        table(b"Service temporarily unavailable, sorry\n", CsvTable(), columns)
    with pytest.raises(Unreadable, match="no column name or nom"):
        table(b"number,given\n", CsvTable(), columns)


LATIN = "<a>\xe9</a>".encode("iso-8859-1")
LABEL = "text/xml; charset=ISO-8859-1"


@pytest.mark.parametrize(
    ("label", "document", "text"),
    [
        (LABEL, LATIN, "é"),
        ('application/xml;charset="iso-8859-1"; x=y', LATIN, "é"),
        (LABEL, b"<?xml version='1.0'?>" + LATIN, "é"),
        ("text/xml; charset=windows-1252", b"<a>\x80</a>", "€"),
        (LABEL, "<a>é</a>".encode(), "é"),  # a label that the server gives to everything
        (LABEL, b"<?xml version='1.0' encoding='iso-8859-15'?><a>\xa4</a>", "€"),  # the document knows better
        (LABEL, "<?xml version='1.0' encoding='UTF-16'?><a>é</a>".encode("utf-16"), "é"),
        ("text/xml; charset=klingon", LATIN, None),
        ("text/xml", LATIN, None),
        ("text/xml; charset=windows-1252", b"<a>\x81</a>", None),
        (LABEL, b"<!DOCTYPE a [<!ENTITY e 'x'>]>" + LATIN, None),
    ],
)
def test_a_content_type_says_the_encoding_where_nothing_else_does(label: str, document: bytes, text: Any) -> None:
    decoded = decoding("xml").read(Reply(200, {"content-type": label}, document))
    assert decoded.body == (None if text is None else {"a": text})


def test_a_part_of_an_answer_is_not_the_whole() -> None:
    assert decoding("json").read(Reply(206, {}, b"[]")).origin is Origin.PART
    assert decoding("json").read(Reply(206, {}, b"")).origin is Origin.NOTHING
    assert decoding("json").read(Reply(404, {}, b"[]")).origin is Origin.WHOLE
