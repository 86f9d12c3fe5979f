"""Sealing from other languages: the blocks of docs/reference/sealing.md seal what jurat opens and open what it seals,
test vectors included."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from docs.vectors import CANDIDATES, FILE
from jurat.candidates import seal_candidates
from jurat.seal import Unseal, generate, key_id, key_to_text
from tests.docs.pages import block
from tests.examples.stacks.conftest import missing
from tests.examples.stacks.runtimes import EXAMPLES, ROOT, lacking

pytestmark = pytest.mark.stacks

PAGE = ROOT / "docs" / "reference" / "sealing.md"
VECTORS: Mapping[str, Any] = json.loads(FILE.read_text("utf-8"))
ANSWERS = [json.loads(answer["plain"]) for answer in VECTORS["answers"]]

# Each reads a line with answers to seal and boxes to open, writes one with both, reads candidates that were sealed for
# its own reply key, and writes what they hold.
NODE = """
import { createInterface } from 'node:readline'
const from = (text) => sodium.from_base64(text, sodium.base64_variants.ORIGINAL)
const to = (data) => sodium.to_base64(data, sodium.base64_variants.ORIGINAL)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const given = JSON.parse((await lines.next()).value)
const opened = given.boxes.map((box) => {
  try { return sodium.to_string(sodium.crypto_box_seal_open(...box.map(from))) } catch { return null }
})
const sealed = given.answers.map((answer) => to(seal(answer)))
const signed = given.rows.map(({ signing_key, ...row }) =>
  signedBy(from(signing_key), { ...row, public_key: from(row.public_key), signature: from(row.signature) }))
console.log(JSON.stringify({ opened, sealed, signed, answer_key: answerKey, reply_key: to(reply.publicKey) }))
console.log(JSON.stringify(open(from(JSON.parse((await lines.next()).value)))))
process.exit()
"""

PHP = """
$given = json_decode(fgets(STDIN), true);
$opened = array_map(function (array $box): ?string {
    [$sealed, $public, $private] = array_map(base64_decode(...), $box);
    $pair = sodium_crypto_box_keypair_from_secretkey_and_publickey($private, $public);
    $plain = sodium_crypto_box_seal_open($sealed, $pair);
    return $plain === false ? null : $plain;
}, $given['boxes']);
$sealed = array_map(fn (array $answer): string => base64_encode($seal($answer)), $given['answers']);
$signed = array_map(function (array $row) use ($signedBy): bool {
    $bytes = array_map(base64_decode(...), array_filter($row, is_string(...)));
    return $signedBy($bytes['signing_key'], $bytes + $row);
}, $given['rows']);
$ours = base64_encode(sodium_crypto_box_publickey($reply));
$found = ['opened' => $opened, 'sealed' => $sealed, 'signed' => $signed];
echo json_encode($found + ['answer_key' => $answerKey, 'reply_key' => $ours]), "\\n";
echo json_encode($open(base64_decode(json_decode(fgets(STDIN))))), "\\n";
"""

RUBY = """
$stdout.sync = true
given = JSON.parse($stdin.gets)
opened = given["boxes"].map do |sealed, _, key|
  RbNaCl::Boxes::Sealed.from_private_key(key.unpack1("m0")).open(sealed.unpack1("m0")).force_encoding("UTF-8")
rescue RbNaCl::CryptoError, RbNaCl::LengthError, ArgumentError
  nil
end
sealed = given["answers"].map { |answer| [seal.(answer)].pack("m0") }
ours = [reply.public_key.to_bytes].pack("m0")
signed = given["rows"].map do |row|
  key, pin, signature = row.values_at("public_key", "signing_key", "signature").map { |text| text.unpack1("m0") }
  signed_by.(pin, row.merge("public_key" => key, "signature" => signature))
end
puts JSON.generate({ opened: opened, sealed: sealed, signed: signed, answer_key: answer_key, reply_key: ours })
puts JSON.generate(open.(JSON.parse($stdin.gets).unpack1("m0")))
"""

LANGUAGES: Mapping[str, tuple[str, str, str, Sequence[str]]] = {
    "node": ("js", "sealing.mjs", NODE, ("node",)),
    "php": ("php", "sealing.php", PHP, ("php",)),
    "ruby": ("ruby", "sealing.rb", RUBY, ("ruby",)),
}


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_another_language_seals_and_opens(language: str, tmp_path: Path) -> None:
    if reason := lacking(language):
        missing(reason)
    private, public = generate()
    fence, name, rest, command = LANGUAGES[language]
    first = "<?php\n" if language == "php" else ""
    (tmp_path / name).write_text(first + block(PAGE, fence) + rest, "utf-8")
    (tmp_path / "node_modules").symlink_to(EXAMPLES / "node" / "node_modules")
    keys = {pair["key_id"]: pair for pair in [*VECTORS["keys"], VECTORS["reply"]]}
    boxes = [*VECTORS["answers"], *VECTORS["candidates"], *VECTORS["do_not_open"]]
    to_open = [
        (each["sealed"], keys[each["key_id"]]["public_key"], keys[each["key_id"]]["private_key"]) for each in boxes
    ]
    with subprocess.Popen(
        [*command, str(tmp_path / name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "JURAT_SEAL_KEY": key_to_text(public)},
    ) as running:
        rows = [*VECTORS["seal_keys"], *VECTORS["not_signed"]]
        said = _ask(running, {"answers": ANSWERS, "boxes": to_open, "rows": rows})
        reply_key = base64.b64decode(said["reply_key"])
        offered = _ask(running, base64.b64encode(seal_candidates(CANDIDATES[0], reply_key)).decode())
    assert running.returncode == 0
    assert said["opened"] == [each.get("plain") for each in boxes]
    assert said["signed"] == ["text" in row for row in rows]
    assert said["answer_key"] == key_id(public)
    unseal = Unseal([private])
    sealed = [unseal.open(base64.b64decode(box), said["answer_key"]) for box in said["sealed"]]
    assert [json.loads(plain) for plain in sealed] == ANSWERS
    assert offered == CANDIDATES[0]


def _ask(running: subprocess.Popen[str], line: Any) -> Any:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(json.dumps(line) + "\n")
    running.stdin.flush()
    return json.loads(running.stdout.readline())
