"""A bot of the irc library (PyPI): joins #lab on 127.0.0.1:PORT and repeats what is said there."""

import sys

import irc.bot


class Bot(irc.bot.SingleServerIRCBot):
    def on_welcome(self, connection, event):
        connection.join("#lab")

    def on_pubmsg(self, connection, event):
        text = event.arguments[0]
        if text == "names":
            text = " ".join(sorted(self.channels["#lab"].users()))
        connection.privmsg(event.target, "echo " + text)
        if text == "leave":
            self.die("told to")


Bot([("127.0.0.1", int(sys.argv[1]))], "bot", "A bot").start()
