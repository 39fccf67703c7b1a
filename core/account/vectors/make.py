#!/usr/bin/env python3
"""Writes the known answers beside it, from docs/formats/account.md and keys.md: a second implementation.

HKDF is written out with hmac and hashlib; Ed25519, AES-GCM and Argon2id are those of python3-cryptography (45 or newer, over OpenSSL).
A fixture that exists is not written again: old data stays what it was. `make.py check` compares instead.
"""
import base64, hashlib, hmac, json, pathlib, re, sys, unicodedata
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

HERE = pathlib.Path(__file__).parent


def fill(start, length):
    """Bytes that differ from each other and from field to field."""
    return bytes((start + i * 7) & 255 for i in range(length))


def uint(n):
    out = bytearray()
    while n >= 128:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def hkdf_sha256(ikm, info, salt):
    """RFC 5869 section 2; one block of output."""
    prk = hmac.new(salt, ikm, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\1", hashlib.sha256).digest()


def hkdf(ikm, info, salt=bytes(32)):
    return hkdf_sha256(ikm, info.encode(), salt)


def public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


# --- keys.md

def head(master, index):
    salt = index.to_bytes(4, "big")
    seed = hkdf(master, "shoal/1 head record key", salt)
    return {"index": index, "recordSeed": seed, "recordName": public(seed), "readKey": hkdf(master, "shoal/1 head read key", salt)}


def keys():
    master, host, link = fill(3, 32), fill(4, 32), fill(5, 32)
    tenant_secret = hkdf(master, "shoal/1 tenant secret")
    signing, record = hkdf(master, "shoal/1 account key"), hkdf(link, "shoal/1 link record key")
    return {
        "master": master,
        "device": {name: hkdf(master, f"shoal/1 {name} key") for name in ("seal", "dedup", "cut")} | {"tenantSecret": tenant_secret},
        "host": host,
        "tenantSeed": hkdf(tenant_secret, "shoal/1 tenant key", host),
        "account": {
            "signingSeed": signing, "signingKey": public(signing),
            "drive": hkdf(master, "shoal/1 drive key"), "rendezvous": hkdf(master, "shoal/1 rendezvous key"),
        },
        "heads": [head(master, i) for i in (0, 1, 258, 65535)],
        "linkSeed": link,
        "link": {"recordSeed": record, "recordName": public(record), "readKey": hkdf(link, "shoal/1 link read key")},
    }


# --- account.md 2

def normal_name(text):
    for _ in range(4):
        before = text
        text = unicodedata.normalize("NFKC", text).lower().replace("ς", "σ")
        # str.split() also splits at U+001C to U+001F, which are control characters and no White_Space; no case has them.
        text = " ".join(text.split())
        if text == before:
            break
    return text


SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def normal_password(text):
    return unicodedata.normalize("NFC", SPACES.sub(" ", text))


NAMES = ["Ada", "  Ada \t Lovelace\n", "ＡＤＡ", "Ångström", "A\u030angstro\u0308m", "İstanbul", "ISTANBUL", "Straße", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", "ﬁsh", "\u212aelvin", "Ⅷ", "ada\u3000b", "ϓ", "x\u00a8", "名無し", "1815", "🐟 Shoal", "ｶﾞ"]
PASSWORDS = ["correct horse", " Space at both ends ", "a\u00a0b\u3000c\u2009d", "e\u0301te\u0301", "été", "\u212b", "ﬁsh ＡＤＡ", "Straße ΣΣς", "\u1100\u1161", "🐟👩\u200d🚀"]


def texts():
    return {
        "names": [{"typed": name, "normal": normal_name(name)} for name in NAMES],
        "passwords": [{"typed": word, "normal": normal_password(word)} for word in PASSWORDS],
    }


# --- account.md 3

def stretch(password, salt, memory, passes, lanes):
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(password.encode())


def locker(name, password, memory, passes, lanes):
    salt = b"shoal/1 locker salt\1" + normal_name(name).encode()
    stretched = stretch(normal_password(password), salt, memory, passes, lanes)
    seed, wrapping = hkdf(stretched, "shoal/1 locker record key"), hkdf(stretched, "shoal/1 locker wrapping key")
    value = {"master": fill(3, 32), "created": 1_790_000_000_000, "generation": 300}
    payload = (b"\1" + value["master"] + uint(value["created"]) + uint(value["generation"])).ljust(128, b"\0")
    nonce = fill(6, 12)
    sealed = nonce + AESGCM(wrapping).encrypt(nonce, payload, public(seed) + b"shoal/1 sealed locker")
    return {
        "name": name, "password": password, "cost": {"memory": memory, "passes": passes, "lanes": lanes}, "salt": salt, "stretched": stretched,
        "recordSeed": seed, "recordName": public(seed), "wrappingKey": wrapping, "value": value, "payload": payload, "nonce": nonce,
        "path": "/shoal/locker/1/" + base64.urlsafe_b64encode(sealed).decode().rstrip("="),
    }


def lockers():
    return {
        "full": locker(" Ada  LOVELACE ", "correct\u00a0horse battery sta\u0301ple", 65536, 3, 1),
        "cheap": locker("名無し", "another, quicker one", 64, 1, 1),
    }


def plain(value):
    """Bytes as {"hex": …}, so that a reader can tell them from text."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def main():
    # RFC 5869 (A.1) and RFC 8032 (7.1, test 1), so that the script itself stands on known ground.
    assert hkdf_sha256(b"\x0b" * 22, bytes(range(0xF0, 0xFA)), bytes(range(13))).hex().startswith("3cb25f25faacd57a90434f64d0362f2a")
    assert public(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).hex().startswith("d75a980182b10ab7")
    made = {"keys": plain(keys()), "texts": texts(), "lockers": plain(lockers())}
    wrong = 0
    for name, value in made.items():
        path = HERE / f"{name}.json"
        new = json.dumps(value, indent=1, ensure_ascii=True) + "\n"
        if not path.exists() and "check" not in sys.argv:
            path.write_text(new)
        elif not path.exists() or path.read_text() != new:
            wrong += 1
            print(f"{path.name} differs from what would be made now; it was left as it is")
    sys.exit(1 if wrong else 0)


main()
