"""The client of the original, for Python 2.7 and 3: asks for a message, sends it with a line feed, shows the answer.

Usage: client.py HOST PORT. Ends at q, quit, quit(), close or close().
"""
import socket
import sys

try:
    ask = raw_input
except NameError:
    ask = input


def main(host, port):
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(30)
    connection.connect((host, int(port)))
    while True:
        message = ask("Enter Message: ")
        if message.lower() in ("q", "quit", "quit()", "close", "close()"):
            break
        connection.sendall((message + "\n").encode("utf-8"))
        print("Sent: " + message)
        answer = b""
        while not answer.endswith(b"\n"):
            data = connection.recv(1024)
            if not data:
                sys.exit("the server is gone")
            answer += data
        print("Received: " + answer.decode("utf-8").rstrip("\n"))
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:3])
