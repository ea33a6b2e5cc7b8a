"""Logs in to a listener by SCRAM-SHA-256 with the standard library only, then sends a line and prints the reply.

usage: scram.py HOST PORT NAME PASSWORD [replay|forge]
"""
import base64
import hashlib
import hmac
import socket
import sys

host, port, name, password = sys.argv[1:5]
mode = sys.argv[5] if len(sys.argv) > 5 else ""
stream = socket.create_connection((host, int(port)), 60).makefile("rwb")


def say(line):
    stream.write(line.encode() + b"\n")
    stream.flush()


def hear():
    return stream.readline().decode().rstrip("\n")


def b64(data):
    return base64.b64encode(data).decode()


def digest(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def log_in():
    bare = f"n={name},r=0123456789abcdef"
    say("AUTH SCRAM-SHA-256 " + b64(b"n,," + bare.encode()))
    first = base64.b64decode(hear().removeprefix("AUTH ")).decode()
    nonce, salt, rounds = (part[2:] for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    client_key = digest(salted, b"Client Key")
    start = f"c=biws,r={nonce}"
    signed = f"{bare},{first},{start}".encode()
    signature = digest(hashlib.sha256(client_key).digest(), signed)
    if mode == "forge":
        client_key = bytes(32)
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    last = "AUTH " + b64(f"{start},p={b64(proof)}".encode())
    say(last)
    answer = hear()
    if answer.startswith("AUTH FAILED"):
        return answer, last
    expected = b64(digest(digest(salted, b"Server Key"), signed))
    proven = base64.b64decode(answer.removeprefix("AUTH ")).decode() == "v=" + expected
    return f"{hear()} {proven}", last


answer, last = log_in()
print(answer)
if mode == "replay":
    # The proof of that login in another one.
    stream.close()
    stream = socket.create_connection((host, int(port)), 60).makefile("rwb")
    say("AUTH SCRAM-SHA-256 " + b64(f"n,,n={name},r=0123456789abcdef".encode()))
    hear()
    say(last)
    print(hear())
elif answer.startswith("AUTH OK"):
    say("SECRET 42")
    print(hear())
