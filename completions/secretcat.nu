module completions {

  def "nu-complete secretcat color" [] {
    [ "auto" "always" "never" ]
  }

  # A netcat that knows messages and cuts them on purpose
  export extern secretcat [
    --color: string@"nu-complete secretcat color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete secretcat listen service" [] {
    [ "secret" "echo" "discard" "source" "chat" "rooms" "pipe" ]
  }

  def "nu-complete secretcat listen framing" [] {
    [ "lines" "http" "length:u16be" "length:4:u16be" "length:1:varint" "length:1:u32be-4" "delimiter:--" "raw" ]
  }

  def "nu-complete secretcat listen barrier" [] {
    [ "none" "acked" "peer-read" ]
  }

  def "nu-complete secretcat listen bug" [] {
    [ "one-read" "first-only" "drop-tail" ]
  }

  def "nu-complete secretcat listen cut_toward" [] {
    [ "server" "client" "both" ]
  }

  def "nu-complete secretcat listen auth" [] {
    [ "scram:" "cert" "unix" ]
  }

  def "nu-complete secretcat listen cut_layer" [] {
    [ "record" "tcp" "handshake" ]
  }

  def "nu-complete secretcat listen tls_client" [] {
    [ "optional" "required" ]
  }

  def "nu-complete secretcat listen tls_min" [] {
    [ "1.2" "1.3" ]
  }

  def "nu-complete secretcat listen tls_groups" [] {
    [ "X25519MLKEM768" "X25519" "secp256r1" "secp384r1" ]
  }

  def "nu-complete secretcat listen relay_tls_min" [] {
    [ "1.2" "1.3" ]
  }

  def "nu-complete secretcat listen proxy_protocol" [] {
    [ "v1" "v2" ]
  }

  def "nu-complete secretcat listen reuseaddr" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat listen reuseport" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat listen v6only" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat listen keepalive" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat listen cork" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat listen tos" [] {
    [ "lowdelay" "throughput" "reliability" "critical" "inetcontrol" "netcontrol" "ef" "cs0" "cs1" "cs2" "cs3" "cs4" "cs5" "cs6" "cs7" "af11" "af12" "af13" "af21" "af22" "af23" "af31" "af32" "af33" "af41" "af42" "af43" ]
  }

  def "nu-complete secretcat listen stats" [] {
    [ "text" "json" ]
  }

  def "nu-complete secretcat listen trace_data" [] {
    [ "none" "head" "all" ]
  }

  def "nu-complete secretcat listen timeline_view" [] {
    [ "lanes" "ladder" ]
  }

  def "nu-complete secretcat listen transcript_sync" [] {
    [ "never" "each" "1s" ]
  }

  def "nu-complete secretcat listen color" [] {
    [ "auto" "always" "never" ]
  }

  # Serve any number of clients until SIGINT or SIGTERM
  export extern "secretcat listen" [
    --service: string@"nu-complete secretcat listen service" # Choose the service for each connection
    --relay: string           # Forward each connection to the server at ADDRESS, and cut its bytes
    --once                    # Serve one connection, then exit
    --framing: string@"nu-complete secretcat listen framing" # Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    --chunk: string           # Write at most SIZE bytes at a time
    --cut: string             # Cut each message at OFFSETS
    --barrier: string@"nu-complete secretcat listen barrier" # Wait before each write until the previous one was acknowledged or read
    --verbose(-v)             # Log events on stderr; twice: also writes and reads with their bytes
    --timeline: path          # Draw the writes, segments and reads into FILE.svg
    --unix(-U)                # Take ADDRESS as the path of a unix socket
    --bug: string@"nu-complete secretcat listen bug" # Behave like a buggy server, to check that your test notices
    --cut-toward: string@"nu-complete secretcat listen cut_toward" # Choose the direction in which a relay cuts
    --keep-open(-k)           # Accept the next connection when one ends (--service pipe)
    --shutdown(-N)            # Half-close when stdin ends, even if it had no byte (--service pipe)
    --recv-only               # Do not read stdin
    --send-only               # Discard received bytes, and end when stdin has ended
    --end-with-peer           # End the connection when the peer closes its side
    --ack-timeout: string     # Wait at most TIME for the acknowledgement of the last bytes
    --count: string           # Send SIZE bytes on each connection (--service source)
    --threads: string         # Serve with N event loops, each on a thread (0: one per processor)
    --max-connections: string # Serve at most N clients at once
    --allow: string           # Accept only clients of network CIDR (repeatable)
    --deny: string            # Reject clients of network CIDR, even if allowed (repeatable)
    --max-message: string     # Limit a message to SIZE bytes, its line ending not counted
    --idle-timeout(-w): string # Close a connection after TIME without a byte in or out
    --busy-poll: string       # Poll for events for TIME before sleeping (0: sleep at once)
    --history: string         # Send each new member the last N lines of a room [default: 10]
    --history-memory: string  # Keep at most SIZE of lines in memory for all rooms [default: 16M]
    --room-members: string    # Let at most N members into a room [default: 10000]
    --max-rooms: string       # Let members begin at most N rooms [default: 1000]
    --member-rooms: string    # Let a member be in at most N rooms at once [default: 20]
    --rate-limit: string      # Let a member send N lines a second, and BURST at once [default: 10/30]
    --console                 # Take part as the operator: read lines from stdin, and print to stdout
    --irc: string             # Serve the rooms to IRC clients too, on a second listening address
    --rooms-via: string       # Share rooms with other servers through NATS: nats://[USER@]HOST:PORT
    --via-password-file: path # Read the password of USER for --rooms-via from FILE
    --via-cleartext           # Send the password of --rooms-via over connections that others can read
    --via-tls-name: string    # Send NAME to the broker of --rooms-via, and verify it
    --via-tls-ca: path        # Trust the certificates in FILE for the broker of --rooms-via
    --via-tls-cert: path      # Send the certificate in FILE to the broker of --rooms-via
    --via-tls-key: path       # Take the private key of --via-tls-cert from FILE
    --via-tls-pin: string     # Trust the broker of --rooms-via by this PIN (repeatable)
    --via-known: path         # Trust the key that FILE has of the broker of --rooms-via (--known)
    --via-tls-insecure        # Accept any certificate of the broker of --rooms-via
    --via-tls-first           # Begin TLS at once, for a broker with handshake_first
    --auth: string@"nu-complete secretcat listen auth" # Serve users only: scram:FILE (passwords), cert or unix
    --auth-cleartext          # Let passwords be proven over connections that others can read
    --proxy: string           # Connect through the proxy at URL: socks5://, socks5h:// or http://
    --proxy-credentials: path # Read USER:PASSWORD for the proxy from FILE
    --cut-at: string          # Cut after each occurrence of PATTERN (repeatable)
    --cut-at-regex: string    # Cut each message after each match of REGEX (repeatable)
    --cut-layer: string@"nu-complete secretcat listen cut_layer" # Choose what --chunk and --cut count and cut (default: record)
    --coalesce: string        # Join N messages before they are cut and written
    --delay(-i): string       # Pause TIME between two writes
    --seed: string            # Draw all random sizes and pauses from seed N
    --plan: path              # Take the plan from FILE, written by --trace or sweep --json
    --read-size: string       # Read at most SIZE bytes at a time
    --read-delay: string      # Pause TIME between two reads
    --read-start-delay: string # Pause TIME before the first read
    --witness: string         # Start COMMAND to see what the peer has read on another host
    --answer-witness: string  # Report what was read, to --witness tcp:ADDRESS of a client
    --tls                     # Encrypt with TLS; without --tls-cert, sign a certificate at the start
    --tls-cert: path          # Send the certificate in FILE to clients
    --tls-key: path           # Take the private key of --tls-cert from FILE
    --tls-client-ca: path     # Ask clients for a certificate that one in FILE has signed
    --tls-client: string@"nu-complete secretcat listen tls_client" # Choose whether a client needs a certificate (default: required)
    --tls-alpn: string        # Offer the application protocols LIST, such as h2,http/1.1
    --tls-min: string@"nu-complete secretcat listen tls_min" # Refuse versions before 1.2 or 1.3 (default: 1.2)
    --tls-groups: string@"nu-complete secretcat listen tls_groups" # Use the key-exchange groups LIST, the preferred one first
    --tls-keylog: path        # Append the secrets of each connection to FILE, for Wireshark
    --relay-tls-name: string  # Send NAME to the server of --relay, and verify it
    --relay-tls-ca: path      # Trust the certificates in FILE for the server of --relay
    --relay-tls-cert: path    # Send the certificate in FILE to the server of --relay
    --relay-tls-key: path     # Take the private key of --relay-tls-cert from FILE
    --relay-tls-pin: string   # Trust the server of --relay by this PIN (repeatable)
    --relay-known: path       # Trust the key that FILE has of the server of --relay (--known)
    --relay-tls-insecure      # Accept any certificate of the server of --relay
    --relay-tls-alpn: string  # Offer the protocols LIST to the server of --relay
    --relay-tls-min: string@"nu-complete secretcat listen relay_tls_min" # Refuse versions before 1.2 or 1.3 of the server of --relay
    --accept-proxy            # Require a PROXY header from each client, and use its addresses
    --accept-proxy-from: string # Accept PROXY headers from network CIDR too (repeatable)
    --proxy-protocol: string@"nu-complete secretcat listen proxy_protocol" # Send a PROXY header first
    --proxy-source: string    # Send ADDR as the client's address in the PROXY header
    --proxy-dest: string      # Send ADDR as the address that the client has connected to
    --proxy-tlv: string       # Add a TLV to the PROXY header (repeatable; v2)
    --cut-header: string      # Cut the PROXY header at OFFSETS
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from local address ADDR, from PORT, or both
    --interface: string       # Use network interface NAME only
    --reuseaddr: string@"nu-complete secretcat listen reuseaddr" # Allow listening on a port that has connections in TIME_WAIT
    --reuseport: string@"nu-complete secretcat listen reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat listen v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat listen keepalive" # Probe an idle connection to detect a dead peer
    --keepalive-time: string  # Send the first keepalive probe after DURATION without traffic
    --keepalive-intvl: string # Wait DURATION between two keepalive probes
    --keepalive-cnt: string   # Close the connection after N unanswered keepalive probes
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, even when cutting
    --cork: string@"nu-complete secretcat listen cork" # Hold back partial segments until they are full
    --sndbuf: string          # Set the send buffer to SIZE bytes
    --rcvbuf: string          # Set the receive buffer, which limits the window, to SIZE bytes
    --mss: string             # Limit a segment to BYTES bytes
    --linger: string          # Wait up to DURATION for unsent data when closing
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # Close the connection if data is unacknowledged for DURATION
    --congestion: string      # Use congestion control algorithm NAME
    --tos: string@"nu-complete secretcat listen tos" # Set the type of service (IPv4) or traffic class (IPv6) to VALUE
    --ttl: string             # Limit packets to N hops
    --show-options            # Print each socket option as requested and as the kernel has it
    --backlog: string         # Let at most N connections wait to be accepted
    --quiet                   # Print only errors, and warnings of unsafe options
    --progress                # Print bytes, rate and time left of a transfer on stderr
    --stats: string@"nu-complete secretcat listen stats" # Print a summary on stderr at the end, as text or JSON
    --trace: path             # Write one JSON object per event to FILE (-: to stderr)
    --trace-data: string@"nu-complete secretcat listen trace_data" # Record no bytes, the first 64 or all bytes of each event
    --timeline-view: string@"nu-complete secretcat listen timeline_view" # Draw lanes of calls, or arrows between client and server
    --pcap: path              # Write packets to FILE, for Wireshark
    --hex(-x)                 # Print sent and received bytes on stderr, as xxd does
    --dump: directory         # Write received and sent bytes to files in DIR: 1-in, 1-out
    --transcript: path        # Append each message to FILE, one JSON object per line
    --transcript-sync: string@"nu-complete secretcat listen transcript_sync" # Force the transcript to the disk: never, after TIME, or each message
    --transcript-max: string  # Rename FILE to FILE.1 at SIZE bytes; SIZE,N keeps N such files
    --web: string             # Show the run live in a browser, at a page on ADDRESS
    --metrics: string         # Serve counters for Prometheus at http://ADDRESS/metrics
    --metrics-token-file: path # Serve metrics only to requests with the token in FILE
    --color: string@"nu-complete secretcat listen color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...address: string        # Listen on HOST:PORT, :PORT (loopback), *:PORT (all) or unix:PATH
  ]

  def "nu-complete secretcat connect barrier" [] {
    [ "none" "acked" "peer-read" ]
  }

  def "nu-complete secretcat connect framing" [] {
    [ "lines" "http" "length:u16be" "length:4:u16be" "length:1:varint" "length:1:u32be-4" "delimiter:--" "raw" ]
  }

  def "nu-complete secretcat connect cut_layer" [] {
    [ "record" "tcp" "handshake" ]
  }

  def "nu-complete secretcat connect tls_min" [] {
    [ "1.2" "1.3" ]
  }

  def "nu-complete secretcat connect tls_groups" [] {
    [ "X25519MLKEM768" "X25519" "secp256r1" "secp384r1" ]
  }

  def "nu-complete secretcat connect proxy_protocol" [] {
    [ "v1" "v2" ]
  }

  def "nu-complete secretcat connect reuseaddr" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat connect reuseport" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat connect v6only" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat connect keepalive" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat connect cork" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat connect tos" [] {
    [ "lowdelay" "throughput" "reliability" "critical" "inetcontrol" "netcontrol" "ef" "cs0" "cs1" "cs2" "cs3" "cs4" "cs5" "cs6" "cs7" "af11" "af12" "af13" "af21" "af22" "af23" "af31" "af32" "af33" "af41" "af42" "af43" ]
  }

  def "nu-complete secretcat connect stats" [] {
    [ "text" "json" ]
  }

  def "nu-complete secretcat connect trace_data" [] {
    [ "none" "head" "all" ]
  }

  def "nu-complete secretcat connect timeline_view" [] {
    [ "lanes" "ladder" ]
  }

  def "nu-complete secretcat connect transcript_sync" [] {
    [ "never" "each" "1s" ]
  }

  def "nu-complete secretcat connect color" [] {
    [ "auto" "always" "never" ]
  }

  # Send messages and print the replies, at a terminal or in a script
  export extern "secretcat connect" [
    --loopback                # Start a private listener and connect to it
    --message(-m): string     # Send TEXT as a message, and do not read stdin (repeatable)
    --raw                     # Send and receive bytes instead of messages, as nc does
    --replies: string         # Expect N replies to each message; any: do not count them
    --quit-after(-q): string  # Exit at most TIME after the end of the input
    --chunk: string           # Write at most SIZE bytes at a time
    --cut: string             # Cut each message at OFFSETS
    --barrier: string@"nu-complete secretcat connect barrier" # Wait before each write until the previous one was acknowledged or read
    --verbose(-v)             # Log events on stderr; twice: also writes and reads with their bytes
    --timeline: path          # Draw the writes, segments and reads into FILE.svg
    --unix(-U)                # Take ADDRESS as the path of a unix socket
    --check(-z)               # Check that a server accepts the connection; send nothing
    --framing: string@"nu-complete secretcat connect framing" # Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    --crlf(-C)                # End messages with CR LF; with --raw, send CR LF for each LF of stdin
    --greeting: string        # Expect a greeting of N lines before the first reply
    --no-quit-words           # Send q, quit, close, quit() and close() like other messages
    --reconnect               # Connect again when a conversation loses its connection
    --shutdown(-N)            # Half-close as soon as the input ends
    --no-shutdown             # Do not half-close when the input ends
    --shutdown-with-last      # Send the FIN in the segment of the last byte, if possible (--raw)
    --connect-timeout: string # Abort connecting after TIME, name lookup included
    --retry: string           # Retry a failed connection N times
    --retry-delay: string     # Wait TIME before each retry
    --timeout: string         # Abort when a reply takes longer than TIME
    --max-message: string     # Limit a message to SIZE bytes, its line ending not counted
    --idle-timeout(-w): string # Close a connection after TIME without a byte in or out
    --busy-poll: string       # Poll for events for TIME before sleeping (0: sleep at once)
    --recv-only               # Do not read stdin
    --send-only               # Discard received bytes, and end when stdin has ended
    --end-with-peer           # End the connection when the peer closes its side
    --ack-timeout: string     # Wait at most TIME for the acknowledgement of the last bytes
    --name: string            # Take part as NAME in a room of listen --service rooms
    --room: string            # Take part in room ROOM of listen --service rooms
    --repeat: string          # Send the messages of -m N times; 0: until a signal
    --interval: string        # Begin a round every TIME (default 1s; 0: no pause)
    --expect: string          # Expect REGEX in each reply; otherwise the status is 1
    --json                    # Print each reply as a JSON object in one line
    --user: string            # Log in as NAME, with a password (listen --auth scram:FILE)
    --password-file: path     # Read the password of --user from FILE
    --auth-cleartext          # Prove the password over a connection that others can read
    --proxy: string           # Connect through the proxy at URL: socks5://, socks5h:// or http://
    --proxy-credentials: path # Read USER:PASSWORD for the proxy from FILE
    --cut-at: string          # Cut after each occurrence of PATTERN (repeatable)
    --cut-at-regex: string    # Cut each message after each match of REGEX (repeatable)
    --cut-layer: string@"nu-complete secretcat connect cut_layer" # Choose what --chunk and --cut count and cut (default: record)
    --coalesce: string        # Join N messages before they are cut and written
    --delay(-i): string       # Pause TIME between two writes
    --seed: string            # Draw all random sizes and pauses from seed N
    --plan: path              # Take the plan from FILE, written by --trace or sweep --json
    --read-size: string       # Read at most SIZE bytes at a time
    --read-delay: string      # Pause TIME between two reads
    --read-start-delay: string # Pause TIME before the first read
    --witness: string         # Start COMMAND to see what the peer has read on another host
    --tls                     # Encrypt with TLS, and verify the server's certificate
    --tls-name: string        # Send NAME as the server name, and verify it
    --tls-ca: path            # Trust the certificates in FILE instead of the system's
    --tls-cert: path          # Send the certificate in FILE to the server
    --tls-key: path           # Take the private key of --tls-cert from FILE
    --tls-pin: string         # Trust the server whose key has this PIN, and no other (repeatable)
    --known: path             # Trust the server's key that FILE has; note it there the first time
    --tls-insecure            # Accept any certificate: the server may be anybody
    --tls-alpn: string        # Offer the application protocols LIST, such as h2,http/1.1
    --tls-min: string@"nu-complete secretcat connect tls_min" # Refuse versions before 1.2 or 1.3 (default: 1.2)
    --tls-groups: string@"nu-complete secretcat connect tls_groups" # Use the key-exchange groups LIST, the preferred one first
    --tls-keylog: path        # Append the secrets of each connection to FILE, for Wireshark
    --proxy-protocol: string@"nu-complete secretcat connect proxy_protocol" # Send a PROXY header first
    --proxy-source: string    # Send ADDR as the client's address in the PROXY header
    --proxy-dest: string      # Send ADDR as the address that the client has connected to
    --proxy-tlv: string       # Add a TLV to the PROXY header (repeatable; v2)
    --cut-header: string      # Cut the PROXY header at OFFSETS
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from local address ADDR, from PORT, or both
    --interface: string       # Use network interface NAME only
    --reuseaddr: string@"nu-complete secretcat connect reuseaddr" # Allow listening on a port that has connections in TIME_WAIT
    --reuseport: string@"nu-complete secretcat connect reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat connect v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat connect keepalive" # Probe an idle connection to detect a dead peer
    --keepalive-time: string  # Send the first keepalive probe after DURATION without traffic
    --keepalive-intvl: string # Wait DURATION between two keepalive probes
    --keepalive-cnt: string   # Close the connection after N unanswered keepalive probes
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, even when cutting
    --cork: string@"nu-complete secretcat connect cork" # Hold back partial segments until they are full
    --sndbuf: string          # Set the send buffer to SIZE bytes
    --rcvbuf: string          # Set the receive buffer, which limits the window, to SIZE bytes
    --mss: string             # Limit a segment to BYTES bytes
    --linger: string          # Wait up to DURATION for unsent data when closing
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # Close the connection if data is unacknowledged for DURATION
    --congestion: string      # Use congestion control algorithm NAME
    --tos: string@"nu-complete secretcat connect tos" # Set the type of service (IPv4) or traffic class (IPv6) to VALUE
    --ttl: string             # Limit packets to N hops
    --show-options            # Print each socket option as requested and as the kernel has it
    --source-port(-p): string # Connect from PORT
    --quiet                   # Print only errors, and warnings of unsafe options
    --progress                # Print bytes, rate and time left of a transfer on stderr
    --stats: string@"nu-complete secretcat connect stats" # Print a summary on stderr at the end, as text or JSON
    --trace: path             # Write one JSON object per event to FILE (-: to stderr)
    --trace-data: string@"nu-complete secretcat connect trace_data" # Record no bytes, the first 64 or all bytes of each event
    --timeline-view: string@"nu-complete secretcat connect timeline_view" # Draw lanes of calls, or arrows between client and server
    --pcap: path              # Write packets to FILE, for Wireshark
    --hex(-x)                 # Print sent and received bytes on stderr, as xxd does
    --dump: directory         # Write received and sent bytes to files in DIR: 1-in, 1-out
    --transcript: path        # Append each message to FILE, one JSON object per line
    --transcript-sync: string@"nu-complete secretcat connect transcript_sync" # Force the transcript to the disk: never, after TIME, or each message
    --transcript-max: string  # Rename FILE to FILE.1 at SIZE bytes; SIZE,N keeps N such files
    --web: string             # Show the run live in a browser, at a page on ADDRESS
    --metrics: string         # Serve counters for Prometheus at http://ADDRESS/metrics
    --metrics-token-file: path # Serve metrics only to requests with the token in FILE
    --color: string@"nu-complete secretcat connect color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...address: string        # Connect to HOST:PORT, HOST, :PORT (loopback) or unix:PATH
  ]

  def "nu-complete secretcat sweep framing" [] {
    [ "lines" "http" "length:u16be" "length:4:u16be" "length:1:varint" "length:1:u32be-4" "delimiter:--" "raw" ]
  }

  def "nu-complete secretcat sweep protocol" [] {
    [ "http" "http-chunked" "smtp" "smtp:deliver" "pop3" "imap" "ftp" "ftp:login" "irc" "redis" "memcached" "memcached:store" "mqtt" "mqtt:publish" "socks5" "socks5:login" "websocket" "websocket:echo" "dns" "dns:one" "modbus" "postgres" "postgres:ssl" "proxy" "tls" ]
  }

  def "nu-complete secretcat sweep families" [] {
    [ "cut" "chunk" "joined" "pair" "half-close" "header" "client-hello" "+half-close" ]
  }

  def "nu-complete secretcat sweep tls_min" [] {
    [ "1.2" "1.3" ]
  }

  def "nu-complete secretcat sweep tls_groups" [] {
    [ "X25519MLKEM768" "X25519" "secp256r1" "secp384r1" ]
  }

  def "nu-complete secretcat sweep proxy_protocol" [] {
    [ "v1" "v2" ]
  }

  def "nu-complete secretcat sweep reuseaddr" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat sweep reuseport" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat sweep v6only" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat sweep keepalive" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat sweep cork" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat sweep tos" [] {
    [ "lowdelay" "throughput" "reliability" "critical" "inetcontrol" "netcontrol" "ef" "cs0" "cs1" "cs2" "cs3" "cs4" "cs5" "cs6" "cs7" "af11" "af12" "af13" "af21" "af22" "af23" "af31" "af32" "af33" "af41" "af42" "af43" ]
  }

  def "nu-complete secretcat sweep color" [] {
    [ "auto" "always" "never" ]
  }

  # Send the same messages under every cut and compare the replies
  export extern "secretcat sweep" [
    --message(-m): string     # Send TEXT as a message (repeatable); by default stdin is read
    --framing: string@"nu-complete secretcat sweep framing" # Split messages: lines, http, length:FIELD, delimiter:BYTES, raw
    --crlf(-C)                # End the messages of -m with CR LF
    --mask: string            # Ignore what matches REGEX when comparing replies (repeatable)
    --max-plans: string       # Try at most N plans (default: 1000, or all single cuts and 500)
    --jobs(-j): string        # Run N conversations at once (default: 4)
    --timeout: string         # Abort a conversation after TIME without progress
    --json                    # Print the findings as JSON
    --junit: path             # Write the findings as JUnit XML to FILE as well
    --html: path              # Write the findings as a web page to FILE as well
    --quiet                   # Print no progress
    --server: string          # Start the server with COMMAND, and again when it has stopped
    --protocol: string@"nu-complete secretcat sweep protocol" # Send the requests of a protocol, and wait for its replies
    --dialog: path            # Send the messages of FILE, and wait for the replies it describes
    --yes                     # Allow --protocol or --dialog to change the server
    --greeting: string        # Expect a greeting of N messages before the first message is sent
    --lock-step               # Send no message before the last reply, and join none
    --pipelining              # Count it as a difference if messages in one write get other replies
    --ignore: string          # Drop lines of the server that match REGEX (repeatable)
    --families: string@"nu-complete secretcat sweep families" # Try the plans of the families LIST (default: all but half-close)
    --cut-at: string          # Cut only after each occurrence of PATTERN (repeatable)
    --cut-at-regex: string    # Cut only after each match of REGEX (repeatable)
    --only: string            # Try only this plan, which repeats a finding (repeatable)
    --max-time: string        # End the sweep after TIME; 0 is no limit (default: 60s)
    --seed: string            # Draw the plans from seed N, if there are more than --max-plans
    --max-message: string     # Limit a reply to SIZE bytes
    --pcap: path              # Write packets to FILE, for Wireshark
    --web: string             # Show the run live in a browser, at a page on ADDRESS
    --metrics: string         # Serve counters for Prometheus at http://ADDRESS/metrics
    --metrics-token-file: path # Serve metrics only to requests with the token in FILE
    --witness: string         # Start COMMAND to see what the server has read on another host
    --client: string          # Sweep a client: run COMMAND for each plan, and cut the replies to it
    --relay: string           # Answer the client with the replies of the server at ADDRESS
    --replay                  # Record the replies of --relay once, and replay them to the client
    --replies: path           # Answer the client with the replies in FILE
    --tls                     # Encrypt with TLS, and verify the server's certificate
    --tls-name: string        # Send NAME as the server name, and verify it
    --tls-ca: path            # Trust the certificates in FILE instead of the system's
    --tls-cert: path          # Send the certificate in FILE to the server
    --tls-key: path           # Take the private key of --tls-cert from FILE
    --tls-pin: string         # Trust the server whose key has this PIN, and no other (repeatable)
    --known: path             # Trust the server's key that FILE has; note it there the first time
    --tls-insecure            # Accept any certificate: the server may be anybody
    --tls-alpn: string        # Offer the application protocols LIST, such as h2,http/1.1
    --tls-min: string@"nu-complete secretcat sweep tls_min" # Refuse versions before 1.2 or 1.3 (default: 1.2)
    --tls-groups: string@"nu-complete secretcat sweep tls_groups" # Use the key-exchange groups LIST, the preferred one first
    --tls-keylog: path        # Append the secrets of each connection to FILE, for Wireshark
    --proxy-protocol: string@"nu-complete secretcat sweep proxy_protocol" # Send a PROXY header first
    --proxy-source: string    # Send ADDR as the client's address in the PROXY header
    --proxy-dest: string      # Send ADDR as the address that the client has connected to
    --proxy-tlv: string       # Add a TLV to the PROXY header (repeatable; v2)
    --proxy: string           # Connect through the proxy at URL: socks5://, socks5h:// or http://
    --proxy-credentials: path # Read USER:PASSWORD for the proxy from FILE
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from local address ADDR, from PORT, or both
    --interface: string       # Use network interface NAME only
    --reuseaddr: string@"nu-complete secretcat sweep reuseaddr" # Allow listening on a port that has connections in TIME_WAIT
    --reuseport: string@"nu-complete secretcat sweep reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat sweep v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat sweep keepalive" # Probe an idle connection to detect a dead peer
    --keepalive-time: string  # Send the first keepalive probe after DURATION without traffic
    --keepalive-intvl: string # Wait DURATION between two keepalive probes
    --keepalive-cnt: string   # Close the connection after N unanswered keepalive probes
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, even when cutting
    --cork: string@"nu-complete secretcat sweep cork" # Hold back partial segments until they are full
    --sndbuf: string          # Set the send buffer to SIZE bytes
    --rcvbuf: string          # Set the receive buffer, which limits the window, to SIZE bytes
    --mss: string             # Limit a segment to BYTES bytes
    --linger: string          # Wait up to DURATION for unsent data when closing
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # Close the connection if data is unacknowledged for DURATION
    --congestion: string      # Use congestion control algorithm NAME
    --tos: string@"nu-complete secretcat sweep tos" # Set the type of service (IPv4) or traffic class (IPv6) to VALUE
    --ttl: string             # Limit packets to N hops
    --color: string@"nu-complete secretcat sweep color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...address: string        # Connect to HOST:PORT, HOST, :PORT (loopback) or unix:PATH
  ]

  def "nu-complete secretcat send checksum" [] {
    [ "sha256" "none" ]
  }

  def "nu-complete secretcat send tls_min" [] {
    [ "1.2" "1.3" ]
  }

  def "nu-complete secretcat send tls_groups" [] {
    [ "X25519MLKEM768" "X25519" "secp256r1" "secp384r1" ]
  }

  def "nu-complete secretcat send tls_client" [] {
    [ "optional" "required" ]
  }

  def "nu-complete secretcat send reuseaddr" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat send reuseport" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat send v6only" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat send keepalive" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat send cork" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat send tos" [] {
    [ "lowdelay" "throughput" "reliability" "critical" "inetcontrol" "netcontrol" "ef" "cs0" "cs1" "cs2" "cs3" "cs4" "cs5" "cs6" "cs7" "af11" "af12" "af13" "af21" "af22" "af23" "af31" "af32" "af33" "af41" "af42" "af43" ]
  }

  def "nu-complete secretcat send stats" [] {
    [ "text" "json" ]
  }

  def "nu-complete secretcat send trace_data" [] {
    [ "none" "head" "all" ]
  }

  def "nu-complete secretcat send timeline_view" [] {
    [ "lanes" "ladder" ]
  }

  def "nu-complete secretcat send color" [] {
    [ "auto" "always" "never" ]
  }

  # Send files, until the receiver has confirmed each
  export extern "secretcat send" [
    --to: string              # Connect to the receiver at ADDRESS
    --name: string            # Give the file the name NAME at the receiver
    --checksum: string@"nu-complete secretcat send checksum" # Verify each file by sha256, or by none
    --listen: string          # Listen on ADDRESS, and wait for the other side to connect
    --retry: string           # Retry a failed connection N times
    --tls                     # Encrypt with TLS, and verify the server's certificate
    --quiet                   # Print only errors, and warnings of unsafe options
    --keep-open(-k)           # Serve one transfer after the other, until SIGINT or SIGTERM
    --connect-timeout: string # Abort connecting after TIME, name lookup included
    --retry-delay: string     # Wait TIME before each retry
    --idle-timeout(-w): string # Abort the transfer after TIME without a byte in or out
    --proxy: string           # Connect through the proxy at URL: socks5://, socks5h:// or http://
    --proxy-credentials: path # Read USER:PASSWORD for the proxy from FILE
    --tls-name: string        # Send NAME as the server name, and verify it
    --tls-ca: path            # Trust the certificates in FILE instead of the system's
    --tls-cert: path          # Send the certificate in FILE to the server
    --tls-key: path           # Take the private key of --tls-cert from FILE
    --tls-pin: string         # Trust the server whose key has this PIN, and no other (repeatable)
    --known: path             # Trust the server's key that FILE has; note it there the first time
    --tls-insecure            # Accept any certificate: the server may be anybody
    --tls-alpn: string        # Offer the application protocols LIST, such as h2,http/1.1
    --tls-min: string@"nu-complete secretcat send tls_min" # Refuse versions before 1.2 or 1.3 (default: 1.2)
    --tls-groups: string@"nu-complete secretcat send tls_groups" # Use the key-exchange groups LIST, the preferred one first
    --tls-keylog: path        # Append the secrets of each connection to FILE, for Wireshark
    --tls-client-ca: path     # Ask the other side for a certificate that one in FILE has signed
    --tls-client: string@"nu-complete secretcat send tls_client" # Choose whether it needs a certificate (default: required)
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from local address ADDR, from PORT, or both
    --interface: string       # Use network interface NAME only
    --reuseaddr: string@"nu-complete secretcat send reuseaddr" # Allow listening on a port that has connections in TIME_WAIT
    --reuseport: string@"nu-complete secretcat send reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat send v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat send keepalive" # Probe an idle connection to detect a dead peer
    --keepalive-time: string  # Send the first keepalive probe after DURATION without traffic
    --keepalive-intvl: string # Wait DURATION between two keepalive probes
    --keepalive-cnt: string   # Close the connection after N unanswered keepalive probes
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, even when cutting
    --cork: string@"nu-complete secretcat send cork" # Hold back partial segments until they are full
    --sndbuf: string          # Set the send buffer to SIZE bytes
    --rcvbuf: string          # Set the receive buffer, which limits the window, to SIZE bytes
    --mss: string             # Limit a segment to BYTES bytes
    --linger: string          # Wait up to DURATION for unsent data when closing
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # Close the connection if data is unacknowledged for DURATION
    --congestion: string      # Use congestion control algorithm NAME
    --tos: string@"nu-complete secretcat send tos" # Set the type of service (IPv4) or traffic class (IPv6) to VALUE
    --ttl: string             # Limit packets to N hops
    --show-options            # Print each socket option as requested and as the kernel has it
    --backlog: string         # Let at most N connections wait to be accepted
    --verbose(-v)             # Log events on stderr; twice: also writes and reads with their bytes
    --progress                # Print bytes, rate and time left of a transfer on stderr
    --stats: string@"nu-complete secretcat send stats" # Print a summary on stderr at the end, as text or JSON
    --trace: path             # Write one JSON object per event to FILE (-: to stderr)
    --trace-data: string@"nu-complete secretcat send trace_data" # Record no bytes, the first 64 or all bytes of each event
    --timeline: path          # Draw the writes, segments and reads into FILE.svg
    --timeline-view: string@"nu-complete secretcat send timeline_view" # Draw lanes of calls, or arrows between client and server
    --pcap: path              # Write packets to FILE, for Wireshark
    --hex(-x)                 # Print sent and received bytes on stderr, as xxd does
    --dump: directory         # Write received and sent bytes to files in DIR: 1-in, 1-out
    --color: string@"nu-complete secretcat send color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...files: path            # Send these files (-: stdin, with --name)
  ]

  def "nu-complete secretcat receive overwrite" [] {
    [ "never" "newer" "always" ]
  }

  def "nu-complete secretcat receive checksum" [] {
    [ "sha256" "none" ]
  }

  def "nu-complete secretcat receive tls_min" [] {
    [ "1.2" "1.3" ]
  }

  def "nu-complete secretcat receive tls_groups" [] {
    [ "X25519MLKEM768" "X25519" "secp256r1" "secp384r1" ]
  }

  def "nu-complete secretcat receive tls_client" [] {
    [ "optional" "required" ]
  }

  def "nu-complete secretcat receive reuseaddr" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat receive reuseport" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat receive v6only" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat receive keepalive" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat receive cork" [] {
    [ "on" "off" ]
  }

  def "nu-complete secretcat receive tos" [] {
    [ "lowdelay" "throughput" "reliability" "critical" "inetcontrol" "netcontrol" "ef" "cs0" "cs1" "cs2" "cs3" "cs4" "cs5" "cs6" "cs7" "af11" "af12" "af13" "af21" "af22" "af23" "af31" "af32" "af33" "af41" "af42" "af43" ]
  }

  def "nu-complete secretcat receive stats" [] {
    [ "text" "json" ]
  }

  def "nu-complete secretcat receive trace_data" [] {
    [ "none" "head" "all" ]
  }

  def "nu-complete secretcat receive timeline_view" [] {
    [ "lanes" "ladder" ]
  }

  def "nu-complete secretcat receive color" [] {
    [ "auto" "always" "never" ]
  }

  # Receive files, and verify each before it gets its name
  export extern "secretcat receive" [
    --from: string            # Connect to the sender at ADDRESS
    --dir: directory          # Save the files in DIR
    --overwrite: string@"nu-complete secretcat receive overwrite" # Choose whether files that exist are replaced
    --max-size: string        # Refuse files of more than SIZE bytes
    --listen: string          # Listen on ADDRESS, and wait for the other side to connect
    --keep-open(-k)           # Serve one transfer after the other, until SIGINT or SIGTERM
    --tls                     # Encrypt with TLS, and verify the server's certificate
    --quiet                   # Print only errors, and warnings of unsafe options
    --checksum: string@"nu-complete secretcat receive checksum" # Require a sha256 of each file, or none
    --connect-timeout: string # Abort connecting after TIME, name lookup included
    --retry: string           # Retry a failed connection N times
    --retry-delay: string     # Wait TIME before each retry
    --idle-timeout(-w): string # Abort the transfer after TIME without a byte in or out
    --proxy: string           # Connect through the proxy at URL: socks5://, socks5h:// or http://
    --proxy-credentials: path # Read USER:PASSWORD for the proxy from FILE
    --tls-name: string        # Send NAME as the server name, and verify it
    --tls-ca: path            # Trust the certificates in FILE instead of the system's
    --tls-cert: path          # Send the certificate in FILE to the server
    --tls-key: path           # Take the private key of --tls-cert from FILE
    --tls-pin: string         # Trust the server whose key has this PIN, and no other (repeatable)
    --known: path             # Trust the server's key that FILE has; note it there the first time
    --tls-insecure            # Accept any certificate: the server may be anybody
    --tls-alpn: string        # Offer the application protocols LIST, such as h2,http/1.1
    --tls-min: string@"nu-complete secretcat receive tls_min" # Refuse versions before 1.2 or 1.3 (default: 1.2)
    --tls-groups: string@"nu-complete secretcat receive tls_groups" # Use the key-exchange groups LIST, the preferred one first
    --tls-keylog: path        # Append the secrets of each connection to FILE, for Wireshark
    --tls-client-ca: path     # Ask the other side for a certificate that one in FILE has signed
    --tls-client: string@"nu-complete secretcat receive tls_client" # Choose whether it needs a certificate (default: required)
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from local address ADDR, from PORT, or both
    --interface: string       # Use network interface NAME only
    --reuseaddr: string@"nu-complete secretcat receive reuseaddr" # Allow listening on a port that has connections in TIME_WAIT
    --reuseport: string@"nu-complete secretcat receive reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat receive v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat receive keepalive" # Probe an idle connection to detect a dead peer
    --keepalive-time: string  # Send the first keepalive probe after DURATION without traffic
    --keepalive-intvl: string # Wait DURATION between two keepalive probes
    --keepalive-cnt: string   # Close the connection after N unanswered keepalive probes
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, even when cutting
    --cork: string@"nu-complete secretcat receive cork" # Hold back partial segments until they are full
    --sndbuf: string          # Set the send buffer to SIZE bytes
    --rcvbuf: string          # Set the receive buffer, which limits the window, to SIZE bytes
    --mss: string             # Limit a segment to BYTES bytes
    --linger: string          # Wait up to DURATION for unsent data when closing
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # Close the connection if data is unacknowledged for DURATION
    --congestion: string      # Use congestion control algorithm NAME
    --tos: string@"nu-complete secretcat receive tos" # Set the type of service (IPv4) or traffic class (IPv6) to VALUE
    --ttl: string             # Limit packets to N hops
    --show-options            # Print each socket option as requested and as the kernel has it
    --backlog: string         # Let at most N connections wait to be accepted
    --verbose(-v)             # Log events on stderr; twice: also writes and reads with their bytes
    --progress                # Print bytes, rate and time left of a transfer on stderr
    --stats: string@"nu-complete secretcat receive stats" # Print a summary on stderr at the end, as text or JSON
    --trace: path             # Write one JSON object per event to FILE (-: to stderr)
    --trace-data: string@"nu-complete secretcat receive trace_data" # Record no bytes, the first 64 or all bytes of each event
    --timeline: path          # Draw the writes, segments and reads into FILE.svg
    --timeline-view: string@"nu-complete secretcat receive timeline_view" # Draw lanes of calls, or arrows between client and server
    --pcap: path              # Write packets to FILE, for Wireshark
    --hex(-x)                 # Print sent and received bytes on stderr, as xxd does
    --dump: directory         # Write received and sent bytes to files in DIR: 1-in, 1-out
    --color: string@"nu-complete secretcat receive color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete secretcat history color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the messages in a file of --transcript
  export extern "secretcat history" [
    --room: string            # Print only messages of room NAME
    --since: string           # Print only messages since TIME
    --grep: string            # Print only messages in which REGEX matches
    --last: string            # Print only the last N messages
    --json                    # Print the JSON lines as they are in the file
    --color: string@"nu-complete secretcat history color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    file: path                # Read the transcript FILE (-: stdin)
  ]

  def "nu-complete secretcat timeline timeline_view" [] {
    [ "lanes" "ladder" ]
  }

  def "nu-complete secretcat timeline color" [] {
    [ "auto" "always" "never" ]
  }

  # Draw the picture of a file of --trace
  export extern "secretcat timeline" [
    --output(-o): path        # Write the picture to FILE.svg (-: stdout, the default)
    --timeline-view: string@"nu-complete secretcat timeline timeline_view" # Draw lanes of calls, or arrows between client and server
    --color: string@"nu-complete secretcat timeline color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    file: path                # Read the trace FILE (-: stdin)
  ]

  def "nu-complete secretcat passwd color" [] {
    [ "auto" "always" "never" ]
  }

  # Set the password of a user in a file for listen --auth scram:FILE
  export extern "secretcat passwd" [
    --delete                  # Delete the user
    --stdin                   # Read the password from the first line of stdin
    --color: string@"nu-complete secretcat passwd color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    file: path                # Change the users in FILE
    name: string              # Change the user NAME
  ]

  def "nu-complete secretcat witness color" [] {
    [ "auto" "always" "never" ]
  }

  # Report what the sockets of this host have read, to another secretcat
  export extern "secretcat witness" [
    --color: string@"nu-complete secretcat witness color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete secretcat man page" [] {
    [ "completions" "connect" "history" "lab" "listen" "man" "passwd" "receive" "send" "sweep" "timeline" "trace" "witness" "secretcat" ]
  }

  def "nu-complete secretcat man color" [] {
    [ "auto" "always" "never" ]
  }

  # Show a page of the manual
  export extern "secretcat man" [
    --list                    # Print the file names of all pages
    --color: string@"nu-complete secretcat man color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    page?: string@"nu-complete secretcat man page" # Show PAGE: the name of a command, or of a file that --list prints
  ]

  def "nu-complete secretcat completions shell" [] {
    [ "bash" "zsh" "fish" "elvish" "nushell" "powershell" ]
  }

  def "nu-complete secretcat completions color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the completions for a shell
  export extern "secretcat completions" [
    --color: string@"nu-complete secretcat completions color" # Use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    shell: string@"nu-complete secretcat completions shell" # Print the completions for SHELL
  ]

}

export use completions *
