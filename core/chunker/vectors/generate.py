"""Makes cuts.json: python3 generate.py > cuts.json. Shares no code with Shoal; needs cc and b3sum (the official BLAKE3 tool).

The file is the low bytes of a xorshift32 sequence. A C program shifts every window bit by bit through the polynomial of
docs/formats/chunk.md 1 and prints the positions it proposes; b3sum decides.
"""
import json
import subprocess
import tempfile
from pathlib import Path

SIZE = 24 * 2**20
MIB = 2**20
SOURCE = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  const size_t size = strtoull(argv[1], 0, 10);
  unsigned char *file = malloc(size);
  uint32_t x = 0x53484f41;
  for (size_t i = 0; i < size; i++) x ^= x << 13, x ^= x >> 17, x ^= x << 5, file[i] = (unsigned char)x;
  fwrite(file, 1, size, fopen(argv[2], "wb"));
  /* The remainder is linear: a byte's own part leaves after 64 more bytes, so one step is all bits of two bytes. */
  uint64_t hash = 0, leaving[8];
  for (int bit = 0; bit < 8; bit++) {
    leaving[bit] = 1ull << bit;
    for (int i = 0; i < 512; i++) leaving[bit] = leaving[bit] << 1 ^ (leaving[bit] >> 52 & 1 ? 0x3da3358b4dc173ull : 0);
  }
  for (size_t p = 0; p < size; p++) {
    for (int bit = 7; bit >= 0; bit--) {
      hash = hash << 1 | (file[p] >> bit & 1);
      if (hash >> 53) hash ^= 0x3da3358b4dc173ull;
    }
    for (int bit = 0; bit < 8 && p >= 64; bit++) if (file[p - 64] >> bit & 1) hash ^= leaving[bit];
    if (p >= 63 && (hash & 4095) == 4095) printf("%zu\n", p + 1);
  }
  return 0;
}
"""


def proposals(folder: Path) -> tuple[bytes, list[int]]:
    program, file = folder / "propose", folder / "file"
    (folder / "propose.c").write_text(SOURCE)
    subprocess.run(["cc", "-O2", folder / "propose.c", "-o", program], check=True)
    printed = subprocess.run([program, str(SIZE), file], check=True, capture_output=True, text=True).stdout
    return file.read_bytes(), [int(line) for line in printed.split()]


def takes(key: bytes, window: bytes, folder: Path) -> bool:
    (folder / "window").write_bytes(window)
    tag = subprocess.run(["b3sum", "--keyed", "--raw", folder / "window"], input=key, check=True, capture_output=True).stdout
    return int.from_bytes(tag[:8], "big") < 2**64 // 768


def lengths(key: bytes, file: bytes, proposed: list[int], folder: Path) -> list[int]:
    found, start = [], 0
    for position in proposed:
        while position - start > 16 * MIB:
            found.append(16 * MIB)
            start += 16 * MIB
        if position - start >= MIB and takes(key, file[position - 64 : position], folder):
            found.append(position - start)
            start = position
    return found + ([len(file) - start] if start < len(file) else [])


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    file, proposed = proposals(folder)
    keys = [bytes(range(32)), bytes(32)]
    cases = [{"cutKey": key.hex(), "lengths": lengths(key, file, proposed, folder)} for key in keys]
    print(json.dumps({"source": "made by generate.py with b3sum 1.2.0", "size": SIZE, "cases": cases}, indent=2))
