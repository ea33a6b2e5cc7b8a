module completions {

  def "nu-complete secretcat color" [] {
    [ "auto" "always" "never" ]
  }

  # A netcat that knows messages and cuts them on purpose
  export extern secretcat [
    --color: string@"nu-complete secretcat color" # When to use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete secretcat listen service" [] {
    [ "secret" "echo" "discard" "source" "chat" "pipe" ]
  }

  def "nu-complete secretcat listen bug" [] {
    [ "one-read" "first-only" "drop-tail" ]
  }

  def "nu-complete secretcat listen cut_toward" [] {
    [ "server" "client" "both" ]
  }

  def "nu-complete secretcat listen barrier" [] {
    [ "none" "acked" "peer-read" ]
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

  def "nu-complete secretcat listen trace_data" [] {
    [ "none" "head" "all" ]
  }

  def "nu-complete secretcat listen color" [] {
    [ "auto" "always" "never" ]
  }

  # Answer messages: serve any number of clients at once until SIGINT or SIGTERM
  export extern "secretcat listen" [
    --unix(-U)                # ADDRESS is the path of a unix socket
    --service: string@"nu-complete secretcat listen service" # What to answer
    --bug: string@"nu-complete secretcat listen bug" # Make a mistake on purpose: the control that shows that a test can fail
    --relay: string           # Forward every connection to this server, byte for byte, and cut what passes
    --cut-toward: string@"nu-complete secretcat listen cut_toward" # The direction that a relay cuts
    --once                    # Serve one connection, then end
    --keep-open(-k)           # With pipe: go on with the next connection when one has ended
    --framing: string         # How messages are told apart: lines, http, length:u8|u16|u32[le], raw
    --count: string           # With source: send so many bytes on each connection
    --threads: string         # Serve with so many event loops, each on a thread; 0 is one for each processor
    --max-connections: string # Serve so many clients at once; more wait until others end
    --allow: string           # Serve only clients of these networks (repeatable)
    --deny: string            # Turn clients of these networks away, whatever --allow says (repeatable)
    --max-message: string     # Largest message taken, its line ending not counted
    --idle-timeout(-w): string # Give a connection up when nothing came or went for so long
    --busy-poll: string       # Before sleeping, look for events so long, as long as that finds some; 0 sleeps at once
    --chunk: string           # Write pieces of so many bytes
    --cut: string             # Cut each message at these offsets
    --coalesce: string        # Join so many messages before they are cut and written
    --delay(-i): string       # Pause between two writes
    --barrier: string@"nu-complete secretcat listen barrier" # Before the next write, wait until the last one has got so far
    --seed: string            # Make every random choice repeatable
    --plan: path              # Take the plan from a file that --trace or sweep wrote
    --read-size: string       # Read at most so many bytes at once
    --read-delay: string      # Pause between two reads
    --read-start-delay: string # Pause before the first read
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from this local address, port, or both
    --interface: string       # Use this network interface only
    --reuseaddr: string@"nu-complete secretcat listen reuseaddr" # Whether a port with closed connections on it may be listened on at once
    --reuseport: string@"nu-complete secretcat listen reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat listen v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat listen keepalive" # Probe an idle connection to see whether the peer is still there
    --keepalive-time: string  # Idle time before the first keepalive probe
    --keepalive-intvl: string # Time between two keepalive probes
    --keepalive-cnt: string   # Unanswered keepalive probes until the connection is given up
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, also when cutting
    --cork: string@"nu-complete secretcat listen cork" # Hold partial segments back until they are full
    --sndbuf: string          # Size of the send buffer
    --rcvbuf: string          # Size of the receive buffer, which limits the window
    --mss: string             # Largest segment
    --linger: string          # How long closing waits for data that was not sent yet
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # How long sent data may stay unacknowledged
    --congestion: string      # Congestion control algorithm
    --tos: string             # Type of service (IPv4) or traffic class (IPv6)
    --ttl: string             # Hops that packets may take
    --show-options            # Print each socket option as requested and as the kernel has it
    --backlog: string         # Connections that may wait to be accepted
    --verbose(-v)             # Log events on stderr; twice: each write and read too, with its bytes
    --quiet                   # Tell nothing on stderr but errors
    --progress                # Tell on stderr how far a transfer has come: bytes, rate, time left
    --stats                   # Show a summary on stderr at the end
    --trace: path             # Write one JSON object a line for everything that happens; - is stderr
    --trace-data: string@"nu-complete secretcat listen trace_data" # Put no bytes, the first 64 or all bytes of each event into the trace
    --timeline: path          # Draw what happened, as an SVG picture
    --color: string@"nu-complete secretcat listen color" # When to use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...address: string        # Where to listen: HOST:PORT, [V6]:PORT, HOST, :PORT (loopback), *:PORT (every interface), HOST PORT, unix:PATH, unix:@NAME (default: 127.0.0.1:4500)
  ]

  def "nu-complete secretcat connect barrier" [] {
    [ "none" "acked" "peer-read" ]
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

  def "nu-complete secretcat connect trace_data" [] {
    [ "none" "head" "all" ]
  }

  def "nu-complete secretcat connect color" [] {
    [ "auto" "always" "never" ]
  }

  # Send messages and show the replies: a conversation at a terminal, a filter in a script
  export extern "secretcat connect" [
    --unix(-U)                # ADDRESS is the path of a unix socket
    --loopback                # Talk to a message listener of one's own, started for this run
    --check(-z)               # Check that a server accepts the connection, and send nothing
    --message(-m): string     # Send this message, and read none from stdin (repeatable)
    --raw                     # No messages: bytes both ways, as nc does
    --framing: string         # How messages and replies are told apart: lines, http, length:u8|u16|u32[le]
    --crlf(-C)                # End messages with CR LF
    --replies: string         # Expect N replies to each message; any: do not count them
    --greeting: string        # Expect N replies before the first message is answered
    --no-quit-words           # Send q, quit, close, quit() and close() like other messages
    --reconnect               # Connect again when a conversation loses its connection
    --shutdown(-N)            # Half-close when the input ends, also where stdin is not read
    --no-shutdown             # Do not half-close when the input ends
    --shutdown-with-last      # Send the end of the input in the segment of its last byte, where the kernel can (--raw)
    --quit-after(-q): string  # Leave this long after the end of the input, whatever has come by then
    --connect-timeout: string # Give up connecting after so long, name lookup and all addresses included
    --retry: string           # Try a failed connection again, so many times
    --retry-delay: string     # Pause before each further try
    --timeout: string         # Give up when a reply takes longer
    --max-message: string     # Largest message taken, its line ending not counted
    --idle-timeout(-w): string # Give a connection up when nothing came or went for so long
    --busy-poll: string       # Before sleeping, look for events so long, as long as that finds some; 0 sleeps at once
    --chunk: string           # Write pieces of so many bytes
    --cut: string             # Cut each message at these offsets
    --coalesce: string        # Join so many messages before they are cut and written
    --delay(-i): string       # Pause between two writes
    --barrier: string@"nu-complete secretcat connect barrier" # Before the next write, wait until the last one has got so far
    --seed: string            # Make every random choice repeatable
    --plan: path              # Take the plan from a file that --trace or sweep wrote
    --read-size: string       # Read at most so many bytes at once
    --read-delay: string      # Pause between two reads
    --read-start-delay: string # Pause before the first read
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from this local address, port, or both
    --interface: string       # Use this network interface only
    --reuseaddr: string@"nu-complete secretcat connect reuseaddr" # Whether a port with closed connections on it may be listened on at once
    --reuseport: string@"nu-complete secretcat connect reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat connect v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat connect keepalive" # Probe an idle connection to see whether the peer is still there
    --keepalive-time: string  # Idle time before the first keepalive probe
    --keepalive-intvl: string # Time between two keepalive probes
    --keepalive-cnt: string   # Unanswered keepalive probes until the connection is given up
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, also when cutting
    --cork: string@"nu-complete secretcat connect cork" # Hold partial segments back until they are full
    --sndbuf: string          # Size of the send buffer
    --rcvbuf: string          # Size of the receive buffer, which limits the window
    --mss: string             # Largest segment
    --linger: string          # How long closing waits for data that was not sent yet
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # How long sent data may stay unacknowledged
    --congestion: string      # Congestion control algorithm
    --tos: string             # Type of service (IPv4) or traffic class (IPv6)
    --ttl: string             # Hops that packets may take
    --show-options            # Print each socket option as requested and as the kernel has it
    --source-port(-p): string # Connect from this port
    --verbose(-v)             # Log events on stderr; twice: each write and read too, with its bytes
    --quiet                   # Tell nothing on stderr but errors
    --progress                # Tell on stderr how far a transfer has come: bytes, rate, time left
    --stats                   # Show a summary on stderr at the end
    --trace: path             # Write one JSON object a line for everything that happens; - is stderr
    --trace-data: string@"nu-complete secretcat connect trace_data" # Put no bytes, the first 64 or all bytes of each event into the trace
    --timeline: path          # Draw what happened, as an SVG picture
    --color: string@"nu-complete secretcat connect color" # When to use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...address: string        # Whom to talk to: HOST:PORT, [V6]:PORT, HOST, :PORT (loopback), HOST PORT, unix:PATH, unix:@NAME (default: 127.0.0.1:4500)
  ]

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

  def "nu-complete secretcat sweep color" [] {
    [ "auto" "always" "never" ]
  }

  # Send the same messages under every cut and say whether the replies stay the same
  export extern "secretcat sweep" [
    --message(-m): string     # A message to send (repeatable); without it messages are read from stdin
    --framing: string         # How messages and replies are told apart: lines, http, length:u8|u16|u32[le], raw
    --crlf(-C)                # End messages of -m with CR LF
    --mask: string            # What may differ between replies, as a regular expression (repeatable)
    --max-plans: string       # Try so many plans at the most
    --seed: string            # Choose which plans, where there are more
    --jobs(-j): string        # Hold so many conversations at once
    --timeout: string         # Give a conversation up when nothing moved for so long
    --max-message: string     # Largest reply taken
    --json                    # Tell the findings as JSON
    --junit: path             # Also write them as JUnit XML
    --quiet                   # Show no progress
    --ipv4(-4)                # Use IPv4 only
    --ipv6(-6)                # Use IPv6 only
    --source(-s): string      # Connect from this local address, port, or both
    --interface: string       # Use this network interface only
    --reuseaddr: string@"nu-complete secretcat sweep reuseaddr" # Whether a port with closed connections on it may be listened on at once
    --reuseport: string@"nu-complete secretcat sweep reuseport" # Share the port with other listeners
    --v6only: string@"nu-complete secretcat sweep v6only" # Refuse IPv4 clients on an IPv6 address
    --keepalive: string@"nu-complete secretcat sweep keepalive" # Probe an idle connection to see whether the peer is still there
    --keepalive-time: string  # Idle time before the first keepalive probe
    --keepalive-intvl: string # Time between two keepalive probes
    --keepalive-cnt: string   # Unanswered keepalive probes until the connection is given up
    --nodelay                 # Send small segments at once
    --nagle                   # Join small segments while data is unacknowledged, also when cutting
    --cork: string@"nu-complete secretcat sweep cork" # Hold partial segments back until they are full
    --sndbuf: string          # Size of the send buffer
    --rcvbuf: string          # Size of the receive buffer, which limits the window
    --mss: string             # Largest segment
    --linger: string          # How long closing waits for data that was not sent yet
    --reset-on-close          # Reset the connection when closing it
    --user-timeout: string    # How long sent data may stay unacknowledged
    --congestion: string      # Congestion control algorithm
    --tos: string             # Type of service (IPv4) or traffic class (IPv6)
    --ttl: string             # Hops that packets may take
    --color: string@"nu-complete secretcat sweep color" # When to use colour on stderr and in help
    --help(-h)                # Print help (see more with '--help')
    ...address: string        # The server: HOST:PORT, [V6]:PORT, HOST, :PORT (loopback), HOST PORT (default: 127.0.0.1:4500)
  ]

}

export use completions *
