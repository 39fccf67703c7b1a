#!/usr/bin/env python3
"""Writes the known answers beside it, from docs/formats and not from our TypeScript: a second implementation.

Needs python3-cryptography. A fixture that exists is not written again: old data stays what it was; a new version of a
format gets a new fixture. `make.py check` compares instead. (Before the first release a fixture may be deleted and made anew.)
"""
import base64, json, pathlib, sys, zlib
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

HERE = pathlib.Path(__file__).parent

# --- BLAKE3, after the specification (section 2), plain and keyed, 32 bytes of output

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
START, END, PARENT, ROOT, KEYED = 1, 2, 4, 8, 16
M32 = 0xFFFFFFFF


def words(data):
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]


def compress(cv, block, counter, length, flags):
    v = [*cv, *IV[:4], counter & M32, counter >> 32, length, flags]
    m = words(block.ljust(64, b"\0"))

    def g(a, b, c, d, x, y):
        for add, r1, r2 in ((x, 16, 12), (y, 8, 7)):
            v[a] = (v[a] + v[b] + add) & M32
            v[d] ^= v[a]
            v[d] = (v[d] >> r1 | v[d] << (32 - r1)) & M32
            v[c] = (v[c] + v[d]) & M32
            v[b] ^= v[c]
            v[b] = (v[b] >> r2 | v[b] << (32 - r2)) & M32

    for _ in range(7):
        g(0, 4, 8, 12, m[0], m[1]); g(1, 5, 9, 13, m[2], m[3]); g(2, 6, 10, 14, m[4], m[5]); g(3, 7, 11, 15, m[6], m[7])
        g(0, 5, 10, 15, m[8], m[9]); g(1, 6, 11, 12, m[10], m[11]); g(2, 7, 8, 13, m[12], m[13]); g(3, 4, 9, 14, m[14], m[15])
        m = [m[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def node(key, data, leaf, flags, root):
    if len(data) <= 1024:
        cv = list(key)
        blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            own = (START if i == 0 else 0) | ((END | (ROOT if root else 0)) if last else 0)
            cv = compress(cv, block, leaf, len(block), flags | own)
        return cv
    left = 1024
    while left * 2 < len(data):
        left *= 2
    pair = node(key, data[:left], leaf, flags, False) + node(key, data[left:], leaf + left // 1024, flags, False)
    block = b"".join(w.to_bytes(4, "little") for w in pair)
    return compress(list(key), block, 0, 64, flags | PARENT | (ROOT if root else 0))


def blake3(data, key=None):
    out = node(IV if key is None else words(key), data, 0, 0 if key is None else KEYED, True)
    return b"".join(w.to_bytes(4, "little") for w in out)


# --- codec.md

def uint(n):
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def var(data):
    return uint(len(data)) + data


def text(s):
    return var(s.encode())


def many(items):
    return uint(len(items)) + b"".join(items)


def maybe(item):
    return b"\0" if item is None else b"\1" + item


def fill(start, length):
    """Bytes that differ from each other and from field to field."""
    return bytes((start + i * 7) & 255 for i in range(length))


# --- keys.md, chunk.md 3, objects.md 1

def hkdf(ikm, info, salt=bytes(32)):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info.encode()).derive(ikm)


def ed25519(seed):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key, key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def frame(body, size, padding, compression=0):
    return b"SHF1" + bytes([compression, 0, 0, 0]) + size.to_bytes(4, "big") + len(body).to_bytes(4, "big") + body + bytes(padding)


SEGMENT = 256 * 1024


def chunk_frame_hash(plain_frame, body):
    return blake3(plain_frame[:16] + len(plain_frame).to_bytes(4, "big") + blake3(body))


def seal(ikm, plain_frame, frame_hash):
    key = hkdf(ikm, "shoal/1 frame key", frame_hash)
    parts = [plain_frame[i : i + SEGMENT] for i in range(0, len(plain_frame), SEGMENT)]
    sealed = b""
    for i, part in enumerate(parts):
        nonce = bytes(7) + i.to_bytes(4, "big") + bytes([i == len(parts) - 1])
        sealed += AESGCM(key).encrypt(nonce, part, None)
    return key, sealed


def frames():
    seal_key = fill(1, 32)
    cases = []
    for size, padding in ((0, 0), (1, 0), (5, 3), (SEGMENT - 16, 0), (SEGMENT - 15, 9)):
        body = fill(size & 255, size)
        plain_frame = frame(body, size, padding)
        frame_hash = chunk_frame_hash(plain_frame, body)
        key, sealed = seal(seal_key, plain_frame, frame_hash)
        case = {"plaintextStart": size & 255, "size": size, "padding": padding, "frameHash": frame_hash.hex(), "key": key.hex()}
        small = len(sealed) < 1000
        cases.append({**case, "sealed": sealed.hex()} if small else {**case, "sealedHash": blake3(sealed).hex()})
    deflated, inflated = bytes.fromhex("4b4c840100"), b"a" * 10
    assert zlib.decompress(deflated, -15) == inflated
    plain_frame = frame(deflated, len(inflated), 2, 1)
    frame_hash = chunk_frame_hash(plain_frame, deflated)
    key, sealed = seal(seal_key, plain_frame, frame_hash)
    compressed = {"plaintext": inflated.hex(), "frameHash": frame_hash.hex(), "key": key.hex(), "sealed": sealed.hex()}
    object_key = fill(2, 32)
    plain_frame = frame(b"hello", 5, 1)
    tag = blake3(plain_frame, object_key)
    _, sealed = seal(object_key, plain_frame, tag)
    obj = tag + sealed
    thing = {"objectKey": object_key.hex(), "plaintext": b"hello".hex(), "object": obj.hex(), "name": blake3(obj).hex()}
    return {"sealKey": seal_key.hex(), "frames": cases, "compressed": compressed, "object": thing}


# Of the zstd program 1.5 (`zstd -19 --no-check`), of the text in zstd_frame.
ZSTD_BODY = bytes.fromhex(
    "28b52ffd605f0275040042c71511907d9c36e8ed4277e763939fe7b9fe20072fde43787f278f921762909b448e07338c7f11c58579e2230d4244f977"
    "156786cc973b4bf175d6a583783aec7b2e6f7339b89a5a37ef8ffa6d76c1ebc1ab73d12fbe147a0820a811f07561fdb71cb0a3c2c2011130044f1a4c"
    "fcfff618fddf6a9a74b3fd3bb4a2082a0d5679a12f9957a54a52699676575b05"
)


def zstd_frame():
    text = " ".join(f"{i} hosts keep {i * i} shards of {16 - i % 7} rows, and any ten of them restore a chunk;" for i in range(12))
    plain_frame = frame(ZSTD_BODY, len(text), 5, 2)
    frame_hash = chunk_frame_hash(plain_frame, ZSTD_BODY)
    key, sealed = seal(fill(1, 32), plain_frame, frame_hash)
    return {"plaintext": text, "frameHash": frame_hash.hex(), "key": key.hex(), "sealed": sealed.hex()}


def keys():
    secret, host = fill(3, 32), fill(4, 32)
    tenant_secret = hkdf(secret, "shoal/1 tenant secret")
    random = fill(5, 28)
    seed = random + blake3(b"shoal/1 link check" + random)[:4]
    record_seed = hkdf(seed, "shoal/1 link record key")
    return {
        "secret": secret.hex(),
        "seal": hkdf(secret, "shoal/1 seal key").hex(),
        "dedup": hkdf(secret, "shoal/1 dedup key").hex(),
        "cut": hkdf(secret, "shoal/1 cut key").hex(),
        "tenantSecret": tenant_secret.hex(),
        "host": host.hex(),
        "tenantSeed": hkdf(tenant_secret, "shoal/1 tenant key", host).hex(),
        "fingerprint": blake3(secret)[:8].hex(),
        "linkRandom": random.hex(),
        "linkSeed": seed.hex(),
        "link": "#/s/" + base64.urlsafe_b64encode(seed).decode().rstrip("="),
        "recordSeed": record_seed.hex(),
        "recordName": ed25519(record_seed)[1].hex(),
        "readKey": hkdf(seed, "shoal/1 link read key").hex(),
    }


# --- objects.md 2 to 5

def entry(k, shard, offset, length, size, salt):
    roots = [fill(salt + 9 + r, 32) for r in range(k)]
    head = bytes([k]) + uint(shard) + uint(offset) + uint(length) + fill(salt, 32) + fill(salt + 1, 32) + uint(size)
    fields = {"k": k, "shardSize": shard, "offset": offset, "length": length, "key": fill(salt, 32), "hash": fill(salt + 1, 32), "size": size, "roots": roots}
    return head + b"".join(roots), fields


def leaf(entries):
    return b"\1\0" + many([var(e) for e in entries])


def branch(children):
    return b"\1\1" + many([uint(c["count"]) + uint(c["size"]) + c["name"] + uint(c["length"]) + c["key"] for c in children])


def trees():
    first, first_fields = entry(2, 128, 3, 100, 77, 20)
    second, _ = entry(2, 64, 0, 128, 5, 40)
    parity = [many([fill(60, 32)]), many([fill(61, 32)])]
    child = {"count": 300, "size": 2**33, "name": fill(70, 32), "length": 5000, "key": fill(71, 32)}
    head = text("naïve 🐟.txt") + text("text/plain")
    share = b"\1" + head + uint(82) + uint(1_790_000_000_000) + b"\1"
    host_fields = [{"key": fill(80, 32), "addresses": ["/ip4/127.0.0.1/tcp/4001/ws", "/dns4/example.org/tcp/443/wss"]}, {"key": fill(81, 32), "addresses": []}]
    share += many([h["key"] + many([text(a) for a in h["addresses"]]) for h in host_fields])
    share += many([uint(2) + many([uint(0), uint(1), uint(0)])])
    share += var(leaf([first, second])) + var(leaf(parity))
    inline = b"\1" + text("empty") + text("") + uint(0) + uint(0) + b"\0" + var(b"")
    return {
        "entry": {"value": first_fields, "bytes": first},
        "parity": {"value": [fill(60, 32)], "bytes": parity[0]},
        "leaf": {"value": {"kind": "leaf", "entries": [first, second]}, "bytes": leaf([first, second])},
        "branch": {"value": {"kind": "branch", "children": [child]}, "bytes": branch([child])},
        "share": {
            "value": {
                "name": "naïve 🐟.txt", "type": "text/plain", "size": 82, "modified": 1_790_000_000_000,
                "content": {
                    "kind": "stored", "hosts": host_fields, "groups": [{"chunks": 2, "rows": [0, 1, 0]}],
                    "manifest": {"kind": "leaf", "entries": [first, second]}, "placement": {"kind": "leaf", "entries": parity},
                },
            },
            "bytes": share,
        },
        "inline": {"value": {"name": "empty", "type": "", "size": 0, "modified": 0, "content": {"kind": "inline", "bytes": b""}}, "bytes": inline},
    }


# --- receipt.md

def signed():
    seed = fill(90, 32)
    key, public = ed25519(seed)
    issued = 1_790_000_000
    shards = sorted(({"root": fill(92 + i * 40, 32), "size": 64 * (i + 1)} for i in range(3)), key=lambda s: s["root"])
    receipt = {"host": public, "tenant": fill(91, 32), "lease": fill(93, 16), "issued": issued, "expires": issued + 180 * 86400, "shards": shards}
    body = b"\1" + public + receipt["tenant"] + receipt["lease"] + uint(issued) + uint(receipt["expires"])
    body += many([s["root"] + uint(s["size"]) for s in shards])
    advert = {"host": public, "issued": issued, "expires": issued + 86400, "freeClass": 13, "uptimeClass": 10, "addresses": ["/ip4/127.0.0.1/tcp/4001/ws"]}
    says = b"\1" + public + uint(issued) + uint(issued + 86400) + bytes([13, 10]) + many([text(a) for a in advert["addresses"]])
    return {
        "seed": seed,
        "receipt": {"value": receipt, "bytes": body + key.sign(b"shoal/1 receipt" + body)},
        "advert": {"value": advert, "bytes": says + key.sign(b"shoal/1 host advert" + says)},
    }


# --- list.md, with the fields of core/formats/list.ts in the order in which they stand there

def lists():
    fp, holder = fill(100, 8), {"host": fill(101, 32), "lease": fill(102, 16)}
    held = lambda h: h["host"] + h["lease"]
    frame_value = {"offset": 10, "length": 500, "key": fill(103, 32), "hash": fill(104, 32), "size": 400}
    frame_bytes = uint(10) + uint(500) + fill(103, 32) + fill(104, 32) + uint(400)
    share = {"name": fill(105, 32), "length": 3000, "holders": [fill(101, 32)], "sequence": 1_790_000_000_000, "announced": True, "stale": False, "nodes": [fill(106, 32)]}
    share_bytes = fill(105, 32) + uint(3000) + many([fill(101, 32)]) + uint(1_790_000_000_000) + b"\1\0" + many([fill(106, 32)])
    health = {"restorable": True, "survives": 6, "hosts": 16, "badRows": 1, "badHosts": 1, "stored": 9_000_000}
    health_bytes = b"\1" + uint(6) + uint(16) + uint(1) + uint(1) + uint(9_000_000)
    file = {
        "name": "photos/photo.jpg", "type": "image/jpeg", "size": 5_000_000, "modified": 1_780_000_000_000, "added": 1_790_000_000_000,
        "status": "storing", "pieces": 1, "sealedBytes": 4_000_000, "scanned": False, "link": fill(107, 32), "secret": fp,
        "inline": None, "error": None, "share": share, "health": health,
    }
    file_bytes = b"\1" + text("photos/photo.jpg") + text("image/jpeg") + uint(5_000_000) + uint(1_780_000_000_000) + uint(1_790_000_000_000)
    file_bytes += b"\0" + uint(1) + uint(4_000_000) + b"\0" + fill(107, 32) + fp + maybe(None) + maybe(None) + maybe(share_bytes) + maybe(health_bytes)
    failed = {**file, "status": "failed", "scanned": True, "inline": b"xyz", "error": "storage.full", "share": None, "health": None}
    failed_bytes = file_bytes[: file_bytes.index(uint(1_790_000_000_000)) + 6] + b"\2" + uint(1) + uint(4_000_000) + b"\1" + fill(107, 32) + fp
    failed_bytes += maybe(var(b"xyz")) + maybe(text("storage.full")) + maybe(None) + maybe(None)
    rows = [
        {"host": None, "state": "none", "lease": None},
        {"host": fill(108, 32), "state": "acknowledged", "lease": None},
        {"host": fill(109, 32), "state": "leased", "lease": fill(110, 16)},
        {"host": fill(111, 32), "state": "bad", "lease": fill(112, 16)},
    ]
    states = ["none", "acknowledged", "leased", "bad"]
    row_bytes = [maybe(r["host"]) + bytes([states.index(r["state"])]) + maybe(r["lease"]) for r in rows]
    roots = [fill(113 + i, 32) for i in range(4)]
    sealed = {"k": 2, "shardSize": 320, "length": 600, "roots": roots, "rows": rows, "secret": fp}
    day = {"day": 20_700, "ok": 300, "corrupt": 3, "absent": 2, "stalled": 1}
    host = {"addresses": ["/ip4/127.0.0.1/tcp/4001/ws"], "seen": 1_790_000_000_000, "tried": 1_790_000_000_001, "failures": 1, "days": [day]}
    host_bytes = b"\1" + many([text(a) for a in host["addresses"]]) + b"".join(uint(host[f]) for f in ("seen", "tried", "failures"))
    host_bytes += many([b"".join(uint(day[f]) for f in ("day", "ok", "corrupt", "absent", "stalled"))])
    release = {"secret": fp, "expires": 1_800_000_000_000, "roots": roots[:2]}
    values = {
        "file": (file, file_bytes),
        "failedFile": (failed, failed_bytes),
        "piece": ({"sealed": fill(120, 32), "frame": frame_value}, b"\1" + fill(120, 32) + frame_bytes),
        "ref": ({"piece": fill(121, 32), "sealed": fill(120, 32), "frame": frame_value}, b"\1" + fill(121, 32) + fill(120, 32) + frame_bytes),
        "sealed": (sealed, b"\1\2" + uint(320) + uint(600) + many(roots) + many(row_bytes) + fp),
        "host": (host, host_bytes),
        "node": ({"length": 3000, "holders": [holder]}, b"\1" + uint(3000) + many([held(holder)])),
        "release": (release, b"\1" + fp + uint(1_800_000_000_000) + many(roots[:2])),
        "secret": (fill(122, 32), b"\1" + fill(122, 32)),
    }
    entries = sorted([(f"secret/{fp.hex()}", values["secret"][1]), ("secret-own", fp), (f"file/{fill(123, 16).hex()}", file_bytes)])
    backup = b"SHOALLST\1" + uint(1_790_000_000_000) + many([text(k) + var(v) for k, v in entries])
    return {
        **{name: {"value": value, "bytes": data} for name, (value, data) in values.items()},
        "backup": {"value": {"created": 1_790_000_000_000, "entries": [{"key": k, "value": v} for k, v in entries]}, "bytes": backup + blake3(backup)},
    }


def drives():
    version = {"size": 300, "type": "image/jpeg", "modified": 1_780_000_000_000, "added": 1_790_000_000_000, "device": 300, "content": fill(120, 40)}
    version_bytes = b"\1" + uint(300) + text("image/jpeg") + uint(1_780_000_000_000) + uint(1_790_000_000_000) + uint(300) + var(fill(120, 40))
    parts = [{"number": 3, "bytes": 40_000}, {"number": 4, "bytes": 160_000}]
    log = {"next": 7, "snapshot": {"number": 0, "bytes": 22_000_000}, "segments": parts, "inline": fill(121, 9)}
    log_bytes = b"\1" + uint(7) + maybe(uint(0) + uint(22_000_000)) + many([uint(3) + uint(40_000), uint(4) + uint(160_000)]) + var(fill(121, 9))
    first = {"next": 0, "snapshot": None, "segments": [], "inline": b""}
    return {
        "version": {"value": version, "bytes": version_bytes},
        "log": {"value": log, "bytes": log_bytes},
        "first": {"value": first, "bytes": b"\1" + uint(0) + maybe(None) + many([]) + var(b"")},
    }


def plain(value):
    """Bytes as {"hex": …}, so that a reader can tell them from text; None stays null."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def main():
    assert blake3(b"").hex().startswith("af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262")
    made = {"frames": frames(), "zstd": zstd_frame(), "keys": keys(), "trees": plain(trees()), "signed": plain(signed()), "list": plain(lists()), "drive": plain(drives())}
    wrong = 0
    for name, value in made.items():
        path = HERE / f"{name}.json"
        new = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        if not path.exists() and "check" not in sys.argv:
            path.write_text(new)
        elif not path.exists() or path.read_text() != new:
            wrong += 1
            print(f"{path.name} differs from what would be made now; it was left as it is")
    sys.exit(1 if wrong else 0)


main()
