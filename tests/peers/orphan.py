"""Runs a command whose stdin is a terminal that it cannot read: read(2) fails with EIO.

That is what happens to a process in the background whose shell has ended its job control: its
process group is orphaned. Prints how a read fails, and with what status the command ended.
"""

import errno
import fcntl
import os
import subprocess
import sys
import termios

out, err = os.dup(1), os.dup(2)
master, slave = os.openpty()
ended, end = os.pipe()  # open for writing as long as the command runs
if os.fork() == 0:
    # The leader of the session: it has the terminal, and stays until the command has ended.
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    gone, tell = os.pipe()  # ends when the parent of the command is gone
    if os.fork() == 0:
        os.setpgid(0, 0)
        if os.fork() != 0:
            os._exit(0)
        os.close(tell)
        os.read(gone, 1)
        try:
            os.read(slave, 1)
        except OSError as error:
            os.write(err, b"read of the terminal: %s\n" % errno.errorcode[error.errno].encode())
        status = subprocess.run(sys.argv[1:], stdin=slave, stdout=out, stderr=err).returncode
        os.write(err, b"status %d\n" % status)
        os._exit(0)
    os.close(end)
    os.wait()
    os.close(tell)
    os.read(ended, 1)
    os._exit(0)
os.close(end)
os.read(ended, 1)
