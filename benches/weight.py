#!/usr/bin/env python3
"""The share of each crate in the size of a zipped program: its machine code or tables, deflated separately.

  CARGO_PROFILE_RELEASE_STRIP=none cargo build --release -p hello && benches/weight.py target/release/hello
"""
import re
import subprocess
import sys
import zlib

path = sys.argv[1]
program = open(path, "rb").read()
sections = subprocess.run(["readelf", "-S", "-W", path], capture_output=True, text=True, check=True).stdout
symbols = subprocess.run(["nm", "-S", "-C", path], capture_output=True, text=True, check=True).stdout


def section(name):
    address, offset, size = re.search(rf" {re.escape(name)}\s+\w+\s+(\w+) (\w+) (\w+)", sections).groups()
    return int(address, 16), int(offset, 16), int(size, 16)


def weigh(name, kinds, of):
    address, offset, _ = section(name)
    group = bytearray()
    for line in symbols.splitlines():
        at, *rest = line.split(" ", 3)
        if len(rest) == 3 and rest[1] in kinds and re.search(of, rest[2]):
            begin = int(at, 16) - address + offset
            group += program[begin : begin + int(rest[0], 16)]
    print(f"{name:8} {of:44} {len(group):9,} {len(zlib.compress(bytes(group), 6)):9,} deflated")


print(f"{section('.rela.dyn')[2] // 24:,} addresses to relocate")
weigh(".rodata", "rR", "ecp_nistz256_precomputed|k25519")
for crate in ["aws_", "hyper", "rustls", "tokio", "regex", "zlib_rs|zip", "lambda_runtime", "immortal_core"]:
    weigh(".text", "tTwW", rf"(^|[<&( ])(dyn )?(mut )?{crate}")
