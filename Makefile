# Builds and installs secretcat with its manual, completions and documents.
#
#   make && sudo make install           below /usr/local
#   make install DESTDIR=root PREFIX=/usr    for a package
#   sudo make uninstall                 removes these files

PREFIX = /usr/local
DESTDIR =

BINDIR = $(PREFIX)/bin
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
DOCDIR = $(DATADIR)/doc/secretcat
BASHDIR = $(DATADIR)/bash-completion/completions
ZSHDIR = $(DATADIR)/zsh/site-functions
FISHDIR = $(DATADIR)/fish/vendor_completions.d
ELVISHDIR = $(DATADIR)/elvish/lib

CARGO = cargo
CARGOFLAGS = --release --locked
INSTALL = install
# A binary that exists is installed as it is: `sudo make install` does not build.
BINARY = target/release/secretcat

EXAMPLES = $(wildcard packaging/systemd/*)

.PHONY: all check install uninstall

all:
	$(CARGO) build $(CARGOFLAGS) --bin secretcat

$(BINARY):
	$(CARGO) build $(CARGOFLAGS) --bin secretcat

check: $(BINARY)
	test "$$($(BINARY) connect --loopback -m 'My SECRET code is 12345')" = 'Digits: 12345   Count: 5'

install: $(BINARY)
	$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR) \
		$(DESTDIR)$(ELVISHDIR)
	$(INSTALL) -m 755 $(BINARY) $(DESTDIR)$(BINDIR)/secretcat
	for page in man/*.[157]; do \
		directory=$(DESTDIR)$(MANDIR)/man$${page##*.} && \
		$(INSTALL) -d $$directory && $(INSTALL) -m 644 $$page $$directory/ || exit 1; \
	done
	$(INSTALL) -m 644 completions/secretcat.bash $(DESTDIR)$(BASHDIR)/secretcat
	$(INSTALL) -m 644 completions/_secretcat $(DESTDIR)$(ZSHDIR)/_secretcat
	$(INSTALL) -m 644 completions/secretcat.fish $(DESTDIR)$(FISHDIR)/secretcat.fish
	$(INSTALL) -m 644 completions/secretcat.elv $(DESTDIR)$(ELVISHDIR)/secretcat.elv
	packaging/documents.sh $(DESTDIR)$(DOCDIR)
	$(INSTALL) -m 644 $(EXAMPLES) $(DESTDIR)$(DOCDIR)/examples/

# Directories stay: others may use them. The directory of the documents is ours.
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/secretcat
	for page in man/*.[157]; do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -f $(DESTDIR)$(BASHDIR)/secretcat $(DESTDIR)$(ZSHDIR)/_secretcat $(DESTDIR)$(FISHDIR)/secretcat.fish \
		$(DESTDIR)$(ELVISHDIR)/secretcat.elv
	rm -rf $(DESTDIR)$(DOCDIR)
