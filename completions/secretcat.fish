complete -c secretcat -f

function __fish_secretcat_addresses
    set -l word (commandline -ct | string replace -r '^--[a-z-]+=' '')
    if string match -q 'unix:*' -- $word
        printf 'unix:%s\n' (__fish_complete_path (string sub -s 6 -- $word))
    else
        __fish_print_hostnames
        printf '%s\n' localhost unix:
    end
end

function __fish_secretcat_logins
    set -l word (commandline -ct | string replace -r '^--[a-z-]+=' '')
    if string match -q 'scram:*' -- $word
        printf 'scram:%s\n' (__fish_complete_path (string sub -s 7 -- $word))
    else
        printf '%s\n' scram: cert unix
    end
end

# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_secretcat_global_optspecs
    string join \n color= h/help V/version
end

function __fish_secretcat_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_secretcat_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_secretcat_using_subcommand
    set -l cmd (__fish_secretcat_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c secretcat -n "__fish_secretcat_needs_command" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_needs_command" -s V -l version -d 'Print version'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "listen" -d 'Serve any number of clients until SIGINT or SIGTERM'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "connect" -d 'Send messages and print the replies, at a terminal or in a script'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "sweep" -d 'Send the same messages under every cut and compare the replies'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "send" -d 'Send files, until the receiver has confirmed each'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "receive" -d 'Receive files, and verify each before it gets its name'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "history" -d 'Print the messages in a file of --transcript'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "timeline" -d 'Draw the picture of a file of --trace'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "passwd" -d 'Set the password of a user in a file for listen --auth scram:FILE'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "witness" -d 'Report what the sockets of this host have read, to another secretcat'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "man" -d 'Show a page of the manual'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "completions" -d 'Print the completions for a shell'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l service -d 'Choose the service for each connection' -r -f -a "secret\t'Reply with the digits of each line that contains SECRET'
echo\t'Send back all received bytes (RFC 862)'
discard\t'Read and discard all bytes (RFC 863)'
source\t'Send bytes without end (RFC 864)'
chat\t'Send each line to all other clients'
rooms\t'Send each line to all others in a room, with names and commands'
pipe\t'Connect stdin and stdout to the client, as nc -l does'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay -d 'Forward each connection to the server at ADDRESS, and cut its bytes' -r -f -a "(__fish_secretcat_addresses)"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l framing -d 'Split messages: lines, http, length:FIELD, delimiter:BYTES, raw' -r -f -a "lines\t'Messages end with LF or CR LF'
http\t'HTTP/1.x'
length:u16be\t'DNS over TCP'
length:4:u16be\t'Modbus'
length:1:varint\t'MQTT'
length:1:u32be-4\t'PostgreSQL'
delimiter:--\t'Messages end with --'
raw\t'No messages'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l chunk -d 'Write at most SIZE bytes at a time' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut -d 'Cut each message at OFFSETS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l barrier -d 'Wait before each write until the previous one was acknowledged or read' -r -f -a "none\t'Do not wait'
acked\t'Until the peer\'s kernel has acknowledged it'
peer-read\t'Until the peer\'s program has read it (this host, or --witness)'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l timeline -d 'Draw the writes, segments and reads into FILE.svg' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l bug -d 'Behave like a buggy server, to check that your test notices' -r -f -a "one-read\t'Take the bytes of one read as one message'
first-only\t'Answer the first message of a read and drop the others'
drop-tail\t'Drop the bytes after the last line feed of a read'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut-toward -d 'Choose the direction in which a relay cuts' -r -f -a "server\t'To the server'
client\t'To the client'
both\t'Both directions'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l ack-timeout -d 'Wait at most TIME for the acknowledgement of the last bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l count -d 'Send SIZE bytes on each connection (--service source)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l threads -d 'Serve with N event loops, each on a thread (0: one per processor)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l max-connections -d 'Serve at most N clients at once' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l allow -d 'Accept only clients of network CIDR (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l deny -d 'Reject clients of network CIDR, even if allowed (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l max-message -d 'Limit a message to SIZE bytes, its line ending not counted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s w -l idle-timeout -d 'Close a connection after TIME without a byte in or out' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l busy-poll -d 'Poll for events for TIME before sleeping (0: sleep at once)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l history -d 'Send each new member the last N lines of a room [default: 10]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l history-memory -d 'Keep at most SIZE of lines in memory for all rooms [default: 16M]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l room-members -d 'Let at most N members into a room [default: 10000]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l max-rooms -d 'Let members begin at most N rooms [default: 1000]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l member-rooms -d 'Let a member be in at most N rooms at once [default: 20]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l rate-limit -d 'Let a member send N lines a second, and BURST at once [default: 10/30]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l irc -d 'Serve the rooms to IRC clients too, on a second listening address' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l rooms-via -d 'Share rooms with other servers through NATS: nats://[USER@]HOST:PORT' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-password-file -d 'Read the password of USER for --rooms-via from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-name -d 'Send NAME to the broker of --rooms-via, and verify it' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-ca -d 'Trust the certificates in FILE for the broker of --rooms-via' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-cert -d 'Send the certificate in FILE to the broker of --rooms-via' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-key -d 'Take the private key of --via-tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-pin -d 'Trust the broker of --rooms-via by this PIN (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-known -d 'Trust the key that FILE has of the broker of --rooms-via (--known)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l auth -d 'Serve users only: scram:FILE (passwords), cert or unix' -r -f -a "(__fish_secretcat_logins)"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l proxy -d 'Connect through the proxy at URL: socks5://, socks5h:// or http://' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l proxy-credentials -d 'Read USER:PASSWORD for the proxy from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut-at -d 'Cut after each occurrence of PATTERN (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut-at-regex -d 'Cut each message after each match of REGEX (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut-layer -d 'Choose what --chunk and --cut count and cut (default: record)' -r -f -a "record\t'Messages: with TLS, each piece becomes a record'
tcp\t'The bytes of the connection, the TLS handshake included'
handshake\t'TLS handshake records: each piece becomes a record'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l coalesce -d 'Join N messages before they are cut and written' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s i -l delay -d 'Pause TIME between two writes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l seed -d 'Draw all random sizes and pauses from seed N' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l plan -d 'Take the plan from FILE, written by --trace or sweep --json' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l read-size -d 'Read at most SIZE bytes at a time' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l read-delay -d 'Pause TIME between two reads' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l read-start-delay -d 'Pause TIME before the first read' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l witness -d 'Start COMMAND to see what the peer has read on another host' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l answer-witness -d 'Report what was read, to --witness tcp:ADDRESS of a client' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-cert -d 'Send the certificate in FILE to clients' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-key -d 'Take the private key of --tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-client-ca -d 'Ask clients for a certificate that one in FILE has signed' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-client -d 'Choose whether a client needs a certificate (default: required)' -r -f -a "optional\t'A client may have no certificate'
required\t'Each client must have a certificate'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-alpn -d 'Offer the application protocols LIST, such as h2,http/1.1' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-min -d 'Refuse versions before 1.2 or 1.3 (default: 1.2)' -r -f -a "1.2\t''
1.3\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-groups -d 'Use the key-exchange groups LIST, the preferred one first' -r -f -a "X25519MLKEM768\t'Post-quantum: the ClientHello takes two segments'
X25519\t''
secp256r1\t''
secp384r1\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls-keylog -d 'Append the secrets of each connection to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-name -d 'Send NAME to the server of --relay, and verify it' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-ca -d 'Trust the certificates in FILE for the server of --relay' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-cert -d 'Send the certificate in FILE to the server of --relay' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-key -d 'Take the private key of --relay-tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-pin -d 'Trust the server of --relay by this PIN (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-known -d 'Trust the key that FILE has of the server of --relay (--known)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-alpn -d 'Offer the protocols LIST to the server of --relay' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-min -d 'Refuse versions before 1.2 or 1.3 of the server of --relay' -r -f -a "1.2\t''
1.3\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l accept-proxy-from -d 'Accept PROXY headers from network CIDR too (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l proxy-protocol -d 'Send a PROXY header first' -r -f -a "v1\t'A line of text'
v2\t'Binary, with TLVs'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l proxy-source -d 'Send ADDR as the client\'s address in the PROXY header' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l proxy-dest -d 'Send ADDR as the address that the client has connected to' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l proxy-tlv -d 'Add a TLV to the PROXY header (repeatable; v2)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut-header -d 'Cut the PROXY header at OFFSETS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s s -l source -d 'Connect from local address ADDR, from PORT, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l interface -d 'Use network interface NAME only' -r -f -a "(__fish_print_interfaces)"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l reuseaddr -d 'Allow listening on a port that has connections in TIME_WAIT' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive -d 'Probe an idle connection to detect a dead peer' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive-time -d 'Send the first keepalive probe after DURATION without traffic' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive-intvl -d 'Wait DURATION between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive-cnt -d 'Close the connection after N unanswered keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cork -d 'Hold back partial segments until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l sndbuf -d 'Set the send buffer to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l rcvbuf -d 'Set the receive buffer, which limits the window, to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l mss -d 'Limit a segment to BYTES bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l linger -d 'Wait up to DURATION for unsent data when closing' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l user-timeout -d 'Close the connection if data is unacknowledged for DURATION' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l congestion -d 'Use congestion control algorithm NAME' -r -f -a "(string split -n ' ' < /proc/sys/net/ipv4/tcp_available_congestion_control)"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tos -d 'Set the type of service (IPv4) or traffic class (IPv6) to VALUE' -r -f -a "lowdelay\t''
throughput\t''
reliability\t''
critical\t''
inetcontrol\t''
netcontrol\t''
ef\t''
cs0\t''
cs1\t''
cs2\t''
cs3\t''
cs4\t''
cs5\t''
cs6\t''
cs7\t''
af11\t''
af12\t''
af13\t''
af21\t''
af22\t''
af23\t''
af31\t''
af32\t''
af33\t''
af41\t''
af42\t''
af43\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l ttl -d 'Limit packets to N hops' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l backlog -d 'Let at most N connections wait to be accepted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l stats -d 'Print a summary on stderr at the end, as text or JSON' -r -f -a "text\t'Lines for people'
json\t'One JSON object in one line'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l trace -d 'Write one JSON object per event to FILE (-: to stderr)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l trace-data -d 'Record no bytes, the first 64 or all bytes of each event' -r -f -a "none\t''
head\t''
all\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l timeline-view -d 'Draw lanes of calls, or arrows between client and server' -r -f -a "lanes\t'Lanes of calls on an axis of time'
ladder\t'Arrows between client and server'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l pcap -d 'Write packets to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l dump -d 'Write received and sent bytes to files in DIR: 1-in, 1-out' -r -f -a "(__fish_complete_directories)"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l transcript -d 'Append each message to FILE, one JSON object per line' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l transcript-sync -d 'Force the transcript to the disk: never, after TIME, or each message' -r -f -a "never\t'The system decides'
each\t'Before the next message is sent'
1s\t'Within this time'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l transcript-max -d 'Rename FILE to FILE.1 at SIZE bytes; SIZE,N keeps N such files' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l web -d 'Show the run live in a browser, at a page on ADDRESS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l metrics -d 'Serve counters for Prometheus at http://ADDRESS/metrics' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l metrics-token-file -d 'Serve metrics only to requests with the token in FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l once -d 'Serve one connection, then exit'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s v -l verbose -d 'Log events on stderr; twice: also writes and reads with their bytes'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s U -l unix -d 'Take ADDRESS as the path of a unix socket'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s k -l keep-open -d 'Accept the next connection when one ends (--service pipe)'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s N -l shutdown -d 'Half-close when stdin ends, even if it had no byte (--service pipe)'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l recv-only -d 'Do not read stdin'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l send-only -d 'Discard received bytes, and end when stdin has ended'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l end-with-peer -d 'End the connection when the peer closes its side'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l console -d 'Take part as the operator: read lines from stdin, and print to stdout'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-cleartext -d 'Send the password of --rooms-via over connections that others can read'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-insecure -d 'Accept any certificate of the broker of --rooms-via'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l via-tls-first -d 'Begin TLS at once, for a broker with handshake_first'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l auth-cleartext -d 'Let passwords be proven over connections that others can read'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tls -d 'Encrypt with TLS; without --tls-cert, sign a certificate at the start'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay-tls-insecure -d 'Accept any certificate of the server of --relay'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l accept-proxy -d 'Require a PROXY header from each client, and use its addresses'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l nagle -d 'Join small segments while data is unacknowledged, even when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l show-options -d 'Print each socket option as requested and as the kernel has it'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l quiet -d 'Print only errors, and warnings of unsafe options'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l progress -d 'Print bytes, rate and time left of a transfer on stderr'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s x -l hex -d 'Print sent and received bytes on stderr, as xxd does'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s m -l message -d 'Send TEXT as a message, and do not read stdin (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l replies -d 'Expect N replies to each message; any: do not count them' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s q -l quit-after -d 'Exit at most TIME after the end of the input' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l chunk -d 'Write at most SIZE bytes at a time' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cut -d 'Cut each message at OFFSETS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l barrier -d 'Wait before each write until the previous one was acknowledged or read' -r -f -a "none\t'Do not wait'
acked\t'Until the peer\'s kernel has acknowledged it'
peer-read\t'Until the peer\'s program has read it (this host, or --witness)'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l timeline -d 'Draw the writes, segments and reads into FILE.svg' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l framing -d 'Split messages: lines, http, length:FIELD, delimiter:BYTES, raw' -r -f -a "lines\t'Messages end with LF or CR LF'
http\t'HTTP/1.x'
length:u16be\t'DNS over TCP'
length:4:u16be\t'Modbus'
length:1:varint\t'MQTT'
length:1:u32be-4\t'PostgreSQL'
delimiter:--\t'Messages end with --'
raw\t'No messages'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l greeting -d 'Expect a greeting of N lines before the first reply' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l connect-timeout -d 'Abort connecting after TIME, name lookup included' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l retry -d 'Retry a failed connection N times' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l retry-delay -d 'Wait TIME before each retry' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l timeout -d 'Abort when a reply takes longer than TIME' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l max-message -d 'Limit a message to SIZE bytes, its line ending not counted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s w -l idle-timeout -d 'Close a connection after TIME without a byte in or out' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l busy-poll -d 'Poll for events for TIME before sleeping (0: sleep at once)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l ack-timeout -d 'Wait at most TIME for the acknowledgement of the last bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l name -d 'Take part as NAME in a room of listen --service rooms' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l room -d 'Take part in room ROOM of listen --service rooms' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l repeat -d 'Send the messages of -m N times; 0: until a signal' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l interval -d 'Begin a round every TIME (default 1s; 0: no pause)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l expect -d 'Expect REGEX in each reply; otherwise the status is 1' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l user -d 'Log in as NAME, with a password (listen --auth scram:FILE)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l password-file -d 'Read the password of --user from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l proxy -d 'Connect through the proxy at URL: socks5://, socks5h:// or http://' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l proxy-credentials -d 'Read USER:PASSWORD for the proxy from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cut-at -d 'Cut after each occurrence of PATTERN (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cut-at-regex -d 'Cut each message after each match of REGEX (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cut-layer -d 'Choose what --chunk and --cut count and cut (default: record)' -r -f -a "record\t'Messages: with TLS, each piece becomes a record'
tcp\t'The bytes of the connection, the TLS handshake included'
handshake\t'TLS handshake records: each piece becomes a record'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l coalesce -d 'Join N messages before they are cut and written' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s i -l delay -d 'Pause TIME between two writes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l seed -d 'Draw all random sizes and pauses from seed N' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l plan -d 'Take the plan from FILE, written by --trace or sweep --json' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l read-size -d 'Read at most SIZE bytes at a time' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l read-delay -d 'Pause TIME between two reads' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l read-start-delay -d 'Pause TIME before the first read' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l witness -d 'Start COMMAND to see what the peer has read on another host' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-name -d 'Send NAME as the server name, and verify it' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-ca -d 'Trust the certificates in FILE instead of the system\'s' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-cert -d 'Send the certificate in FILE to the server' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-key -d 'Take the private key of --tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-pin -d 'Trust the server whose key has this PIN, and no other (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l known -d 'Trust the server\'s key that FILE has; note it there the first time' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-alpn -d 'Offer the application protocols LIST, such as h2,http/1.1' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-min -d 'Refuse versions before 1.2 or 1.3 (default: 1.2)' -r -f -a "1.2\t''
1.3\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-groups -d 'Use the key-exchange groups LIST, the preferred one first' -r -f -a "X25519MLKEM768\t'Post-quantum: the ClientHello takes two segments'
X25519\t''
secp256r1\t''
secp384r1\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-keylog -d 'Append the secrets of each connection to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l proxy-protocol -d 'Send a PROXY header first' -r -f -a "v1\t'A line of text'
v2\t'Binary, with TLVs'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l proxy-source -d 'Send ADDR as the client\'s address in the PROXY header' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l proxy-dest -d 'Send ADDR as the address that the client has connected to' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l proxy-tlv -d 'Add a TLV to the PROXY header (repeatable; v2)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cut-header -d 'Cut the PROXY header at OFFSETS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s s -l source -d 'Connect from local address ADDR, from PORT, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l interface -d 'Use network interface NAME only' -r -f -a "(__fish_print_interfaces)"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reuseaddr -d 'Allow listening on a port that has connections in TIME_WAIT' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive -d 'Probe an idle connection to detect a dead peer' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive-time -d 'Send the first keepalive probe after DURATION without traffic' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive-intvl -d 'Wait DURATION between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive-cnt -d 'Close the connection after N unanswered keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cork -d 'Hold back partial segments until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l sndbuf -d 'Set the send buffer to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l rcvbuf -d 'Set the receive buffer, which limits the window, to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l mss -d 'Limit a segment to BYTES bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l linger -d 'Wait up to DURATION for unsent data when closing' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l user-timeout -d 'Close the connection if data is unacknowledged for DURATION' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l congestion -d 'Use congestion control algorithm NAME' -r -f -a "(string split -n ' ' < /proc/sys/net/ipv4/tcp_available_congestion_control)"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tos -d 'Set the type of service (IPv4) or traffic class (IPv6) to VALUE' -r -f -a "lowdelay\t''
throughput\t''
reliability\t''
critical\t''
inetcontrol\t''
netcontrol\t''
ef\t''
cs0\t''
cs1\t''
cs2\t''
cs3\t''
cs4\t''
cs5\t''
cs6\t''
cs7\t''
af11\t''
af12\t''
af13\t''
af21\t''
af22\t''
af23\t''
af31\t''
af32\t''
af33\t''
af41\t''
af42\t''
af43\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l ttl -d 'Limit packets to N hops' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s p -l source-port -d 'Connect from PORT' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l stats -d 'Print a summary on stderr at the end, as text or JSON' -r -f -a "text\t'Lines for people'
json\t'One JSON object in one line'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l trace -d 'Write one JSON object per event to FILE (-: to stderr)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l trace-data -d 'Record no bytes, the first 64 or all bytes of each event' -r -f -a "none\t''
head\t''
all\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l timeline-view -d 'Draw lanes of calls, or arrows between client and server' -r -f -a "lanes\t'Lanes of calls on an axis of time'
ladder\t'Arrows between client and server'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l pcap -d 'Write packets to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l dump -d 'Write received and sent bytes to files in DIR: 1-in, 1-out' -r -f -a "(__fish_complete_directories)"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l transcript -d 'Append each message to FILE, one JSON object per line' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l transcript-sync -d 'Force the transcript to the disk: never, after TIME, or each message' -r -f -a "never\t'The system decides'
each\t'Before the next message is sent'
1s\t'Within this time'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l transcript-max -d 'Rename FILE to FILE.1 at SIZE bytes; SIZE,N keeps N such files' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l web -d 'Show the run live in a browser, at a page on ADDRESS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l metrics -d 'Serve counters for Prometheus at http://ADDRESS/metrics' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l metrics-token-file -d 'Serve metrics only to requests with the token in FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l loopback -d 'Start a private listener and connect to it'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l raw -d 'Send and receive bytes instead of messages, as nc does'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s v -l verbose -d 'Log events on stderr; twice: also writes and reads with their bytes'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s U -l unix -d 'Take ADDRESS as the path of a unix socket'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s z -l check -d 'Check that a server accepts the connection; send nothing'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s C -l crlf -d 'End messages with CR LF; with --raw, send CR LF for each LF of stdin'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l no-quit-words -d 'Send q, quit, close, quit() and close() like other messages'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reconnect -d 'Connect again when a conversation loses its connection'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s N -l shutdown -d 'Half-close as soon as the input ends'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l no-shutdown -d 'Do not half-close when the input ends'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l shutdown-with-last -d 'Send the FIN in the segment of the last byte, if possible (--raw)'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l recv-only -d 'Do not read stdin'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l send-only -d 'Discard received bytes, and end when stdin has ended'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l end-with-peer -d 'End the connection when the peer closes its side'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l json -d 'Print each reply as a JSON object in one line'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l auth-cleartext -d 'Prove the password over a connection that others can read'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls -d 'Encrypt with TLS, and verify the server\'s certificate'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tls-insecure -d 'Accept any certificate: the server may be anybody'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l nagle -d 'Join small segments while data is unacknowledged, even when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l show-options -d 'Print each socket option as requested and as the kernel has it'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l quiet -d 'Print only errors, and warnings of unsafe options'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l progress -d 'Print bytes, rate and time left of a transfer on stderr'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s x -l hex -d 'Print sent and received bytes on stderr, as xxd does'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s m -l message -d 'Send TEXT as a message (repeatable); by default stdin is read' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l framing -d 'Split messages: lines, http, length:FIELD, delimiter:BYTES, raw' -r -f -a "lines\t'Messages end with LF or CR LF'
http\t'HTTP/1.x'
length:u16be\t'DNS over TCP'
length:4:u16be\t'Modbus'
length:1:varint\t'MQTT'
length:1:u32be-4\t'PostgreSQL'
delimiter:--\t'Messages end with --'
raw\t'No messages'"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l mask -d 'Ignore what matches REGEX when comparing replies (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l max-plans -d 'Try at most N plans (default: 1000, or all single cuts and 500)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s j -l jobs -d 'Run N conversations at once (default: 4)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l timeout -d 'Abort a conversation after TIME without progress' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l junit -d 'Write the findings as JUnit XML to FILE as well' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l html -d 'Write the findings as a web page to FILE as well' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l server -d 'Start the server with COMMAND, and again when it has stopped' -r -f -a "(__fish_complete_command)"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l protocol -d 'Send the requests of a protocol, and wait for its replies' -r -f -a "http\t'HTTP/1.1: GET, HEAD, and OPTIONS with a body'
http-chunked\t'HTTP/1.1: OPTIONS with chunked bodies, extensions and trailers'
smtp\t'SMTP: EHLO, NOOP, RSET and VRFY'
smtp:deliver\t'SMTP: two mails to postmaster'
pop3\t'POP3: CAPA and errors, before a login'
imap\t'IMAP: CAPABILITY, NOOP and ID with a literal, before a login'
ftp\t'FTP: FEAT, SYST, HELP and NOOP, before a login'
ftp:login\t'FTP: a login as anonymous, and commands that read'
irc\t'IRC: CAP, NICK and USER, PING, VERSION, LUSERS and MOTD'
redis\t'Redis: PING, ECHO, EXISTS and MGET, inline and as arrays'
memcached\t'memcached: gets of keys that do not exist'
memcached:store\t'memcached: values that are stored, changed and deleted'
mqtt\t'MQTT 3.1.1: CONNECT, PINGREQ, SUBSCRIBE and UNSUBSCRIBE'
mqtt:publish\t'MQTT 3.1.1: PUBLISH with each quality of service'
socks5\t'SOCKS 5: a connection to port 1 of the server\'s host'
socks5:login\t'SOCKS 5: a login, which need not be right'
websocket\t'WebSocket: pings, an unfinished message and a close, at /'
websocket:echo\t'WebSocket: messages to a server that echoes them, at /'
dns\t'DNS over TCP: questions that need no recursion'
dns:one\t'DNS over TCP: one question, for a server that closes after it'
modbus\t'Modbus TCP: reads of unit 1 (function codes 1 to 4)'
postgres\t'PostgreSQL: the start of a session, without a login'
postgres:ssl\t'PostgreSQL without TLS: a request for TLS, and the start of a session'
proxy\t'A PROXY header (v2), then http; proxy:NAME[:SET] for another protocol'
tls\t'The TLS handshake alone; the certificate is not verified'"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l dialog -d 'Send the messages of FILE, and wait for the replies it describes' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l greeting -d 'Expect a greeting of N messages before the first message is sent' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l ignore -d 'Drop lines of the server that match REGEX (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l families -d 'Try the plans of the families LIST (default: all but half-close)' -r -f -a "cut\t'One cut, at each offset of each message'
chunk\t'Every message in pieces of 1, 2, 3 or 7 bytes'
joined\t'Several messages in one write, also cut across their boundary'
pair\t'Two cuts, at all pairs of offsets'
half-close\t'The end of the stream with the last byte and right after it; not in the default'
header\t'One cut in the header of --proxy-protocol'
client-hello\t'The ClientHello of --tls in two pieces and in small records'
+half-close\t'The default families and half-close'"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l cut-at -d 'Cut only after each occurrence of PATTERN (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l cut-at-regex -d 'Cut only after each match of REGEX (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l only -d 'Try only this plan, which repeats a finding (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l max-time -d 'End the sweep after TIME; 0 is no limit (default: 60s)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l seed -d 'Draw the plans from seed N, if there are more than --max-plans' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l max-message -d 'Limit a reply to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l pcap -d 'Write packets to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l web -d 'Show the run live in a browser, at a page on ADDRESS' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l metrics -d 'Serve counters for Prometheus at http://ADDRESS/metrics' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l metrics-token-file -d 'Serve metrics only to requests with the token in FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l witness -d 'Start COMMAND to see what the server has read on another host' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l client -d 'Sweep a client: run COMMAND for each plan, and cut the replies to it' -r -f -a "(__fish_complete_command)"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l relay -d 'Answer the client with the replies of the server at ADDRESS' -r -f -a "(__fish_secretcat_addresses)"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l replies -d 'Answer the client with the replies in FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-name -d 'Send NAME as the server name, and verify it' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-ca -d 'Trust the certificates in FILE instead of the system\'s' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-cert -d 'Send the certificate in FILE to the server' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-key -d 'Take the private key of --tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-pin -d 'Trust the server whose key has this PIN, and no other (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l known -d 'Trust the server\'s key that FILE has; note it there the first time' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-alpn -d 'Offer the application protocols LIST, such as h2,http/1.1' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-min -d 'Refuse versions before 1.2 or 1.3 (default: 1.2)' -r -f -a "1.2\t''
1.3\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-groups -d 'Use the key-exchange groups LIST, the preferred one first' -r -f -a "X25519MLKEM768\t'Post-quantum: the ClientHello takes two segments'
X25519\t''
secp256r1\t''
secp384r1\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-keylog -d 'Append the secrets of each connection to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l proxy-protocol -d 'Send a PROXY header first' -r -f -a "v1\t'A line of text'
v2\t'Binary, with TLVs'"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l proxy-source -d 'Send ADDR as the client\'s address in the PROXY header' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l proxy-dest -d 'Send ADDR as the address that the client has connected to' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l proxy-tlv -d 'Add a TLV to the PROXY header (repeatable; v2)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l proxy -d 'Connect through the proxy at URL: socks5://, socks5h:// or http://' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l proxy-credentials -d 'Read USER:PASSWORD for the proxy from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s s -l source -d 'Connect from local address ADDR, from PORT, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l interface -d 'Use network interface NAME only' -r -f -a "(__fish_print_interfaces)"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l reuseaddr -d 'Allow listening on a port that has connections in TIME_WAIT' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive -d 'Probe an idle connection to detect a dead peer' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive-time -d 'Send the first keepalive probe after DURATION without traffic' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive-intvl -d 'Wait DURATION between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive-cnt -d 'Close the connection after N unanswered keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l cork -d 'Hold back partial segments until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l sndbuf -d 'Set the send buffer to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l rcvbuf -d 'Set the receive buffer, which limits the window, to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l mss -d 'Limit a segment to BYTES bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l linger -d 'Wait up to DURATION for unsent data when closing' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l user-timeout -d 'Close the connection if data is unacknowledged for DURATION' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l congestion -d 'Use congestion control algorithm NAME' -r -f -a "(string split -n ' ' < /proc/sys/net/ipv4/tcp_available_congestion_control)"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tos -d 'Set the type of service (IPv4) or traffic class (IPv6) to VALUE' -r -f -a "lowdelay\t''
throughput\t''
reliability\t''
critical\t''
inetcontrol\t''
netcontrol\t''
ef\t''
cs0\t''
cs1\t''
cs2\t''
cs3\t''
cs4\t''
cs5\t''
cs6\t''
cs7\t''
af11\t''
af12\t''
af13\t''
af21\t''
af22\t''
af23\t''
af31\t''
af32\t''
af33\t''
af41\t''
af42\t''
af43\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l ttl -d 'Limit packets to N hops' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s C -l crlf -d 'End the messages of -m with CR LF'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l json -d 'Print the findings as JSON'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l quiet -d 'Print no progress'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l yes -d 'Allow --protocol or --dialog to change the server'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l lock-step -d 'Send no message before the last reply, and join none'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l pipelining -d 'Count it as a difference if messages in one write get other replies'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l replay -d 'Record the replies of --relay once, and replay them to the client'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls -d 'Encrypt with TLS, and verify the server\'s certificate'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tls-insecure -d 'Accept any certificate: the server may be anybody'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l nagle -d 'Join small segments while data is unacknowledged, even when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l to -d 'Connect to the receiver at ADDRESS' -r -f -a "(__fish_secretcat_addresses)"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l name -d 'Give the file the name NAME at the receiver' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l checksum -d 'Verify each file by sha256, or by none' -r -f -a "sha256\t''
none\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l listen -d 'Listen on ADDRESS, and wait for the other side to connect' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l retry -d 'Retry a failed connection N times' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l connect-timeout -d 'Abort connecting after TIME, name lookup included' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l retry-delay -d 'Wait TIME before each retry' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s w -l idle-timeout -d 'Abort the transfer after TIME without a byte in or out' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l proxy -d 'Connect through the proxy at URL: socks5://, socks5h:// or http://' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l proxy-credentials -d 'Read USER:PASSWORD for the proxy from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-name -d 'Send NAME as the server name, and verify it' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-ca -d 'Trust the certificates in FILE instead of the system\'s' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-cert -d 'Send the certificate in FILE to the server' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-key -d 'Take the private key of --tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-pin -d 'Trust the server whose key has this PIN, and no other (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l known -d 'Trust the server\'s key that FILE has; note it there the first time' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-alpn -d 'Offer the application protocols LIST, such as h2,http/1.1' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-min -d 'Refuse versions before 1.2 or 1.3 (default: 1.2)' -r -f -a "1.2\t''
1.3\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-groups -d 'Use the key-exchange groups LIST, the preferred one first' -r -f -a "X25519MLKEM768\t'Post-quantum: the ClientHello takes two segments'
X25519\t''
secp256r1\t''
secp384r1\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-keylog -d 'Append the secrets of each connection to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-client-ca -d 'Ask the other side for a certificate that one in FILE has signed' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-client -d 'Choose whether it needs a certificate (default: required)' -r -f -a "optional\t'A client may have no certificate'
required\t'Each client must have a certificate'"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s s -l source -d 'Connect from local address ADDR, from PORT, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l interface -d 'Use network interface NAME only' -r -f -a "(__fish_print_interfaces)"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l reuseaddr -d 'Allow listening on a port that has connections in TIME_WAIT' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l keepalive -d 'Probe an idle connection to detect a dead peer' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l keepalive-time -d 'Send the first keepalive probe after DURATION without traffic' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l keepalive-intvl -d 'Wait DURATION between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l keepalive-cnt -d 'Close the connection after N unanswered keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l cork -d 'Hold back partial segments until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l sndbuf -d 'Set the send buffer to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l rcvbuf -d 'Set the receive buffer, which limits the window, to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l mss -d 'Limit a segment to BYTES bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l linger -d 'Wait up to DURATION for unsent data when closing' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l user-timeout -d 'Close the connection if data is unacknowledged for DURATION' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l congestion -d 'Use congestion control algorithm NAME' -r -f -a "(string split -n ' ' < /proc/sys/net/ipv4/tcp_available_congestion_control)"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tos -d 'Set the type of service (IPv4) or traffic class (IPv6) to VALUE' -r -f -a "lowdelay\t''
throughput\t''
reliability\t''
critical\t''
inetcontrol\t''
netcontrol\t''
ef\t''
cs0\t''
cs1\t''
cs2\t''
cs3\t''
cs4\t''
cs5\t''
cs6\t''
cs7\t''
af11\t''
af12\t''
af13\t''
af21\t''
af22\t''
af23\t''
af31\t''
af32\t''
af33\t''
af41\t''
af42\t''
af43\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l ttl -d 'Limit packets to N hops' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l backlog -d 'Let at most N connections wait to be accepted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l stats -d 'Print a summary on stderr at the end, as text or JSON' -r -f -a "text\t'Lines for people'
json\t'One JSON object in one line'"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l trace -d 'Write one JSON object per event to FILE (-: to stderr)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l trace-data -d 'Record no bytes, the first 64 or all bytes of each event' -r -f -a "none\t''
head\t''
all\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l timeline -d 'Draw the writes, segments and reads into FILE.svg' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l timeline-view -d 'Draw lanes of calls, or arrows between client and server' -r -f -a "lanes\t'Lanes of calls on an axis of time'
ladder\t'Arrows between client and server'"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l pcap -d 'Write packets to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l dump -d 'Write received and sent bytes to files in DIR: 1-in, 1-out' -r -f -a "(__fish_complete_directories)"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls -d 'Encrypt with TLS, and verify the server\'s certificate'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l quiet -d 'Print only errors, and warnings of unsafe options'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s k -l keep-open -d 'Serve one transfer after the other, until SIGINT or SIGTERM'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l tls-insecure -d 'Accept any certificate: the server may be anybody'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l nagle -d 'Join small segments while data is unacknowledged, even when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l show-options -d 'Print each socket option as requested and as the kernel has it'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s v -l verbose -d 'Log events on stderr; twice: also writes and reads with their bytes'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -l progress -d 'Print bytes, rate and time left of a transfer on stderr'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s x -l hex -d 'Print sent and received bytes on stderr, as xxd does'
complete -c secretcat -n "__fish_secretcat_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l from -d 'Connect to the sender at ADDRESS' -r -f -a "(__fish_secretcat_addresses)"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l dir -d 'Save the files in DIR' -r -f -a "(__fish_complete_directories)"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l overwrite -d 'Choose whether files that exist are replaced' -r -f -a "never\t'Refuse a file whose name exists, unless it is the same file'
newer\t'Replace older files, and skip files that are not newer'
always\t'Replace files'"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l max-size -d 'Refuse files of more than SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l listen -d 'Listen on ADDRESS, and wait for the other side to connect' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l checksum -d 'Require a sha256 of each file, or none' -r -f -a "sha256\t''
none\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l connect-timeout -d 'Abort connecting after TIME, name lookup included' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l retry -d 'Retry a failed connection N times' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l retry-delay -d 'Wait TIME before each retry' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s w -l idle-timeout -d 'Abort the transfer after TIME without a byte in or out' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l proxy -d 'Connect through the proxy at URL: socks5://, socks5h:// or http://' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l proxy-credentials -d 'Read USER:PASSWORD for the proxy from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-name -d 'Send NAME as the server name, and verify it' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-ca -d 'Trust the certificates in FILE instead of the system\'s' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-cert -d 'Send the certificate in FILE to the server' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-key -d 'Take the private key of --tls-cert from FILE' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-pin -d 'Trust the server whose key has this PIN, and no other (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l known -d 'Trust the server\'s key that FILE has; note it there the first time' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-alpn -d 'Offer the application protocols LIST, such as h2,http/1.1' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-min -d 'Refuse versions before 1.2 or 1.3 (default: 1.2)' -r -f -a "1.2\t''
1.3\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-groups -d 'Use the key-exchange groups LIST, the preferred one first' -r -f -a "X25519MLKEM768\t'Post-quantum: the ClientHello takes two segments'
X25519\t''
secp256r1\t''
secp384r1\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-keylog -d 'Append the secrets of each connection to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-client-ca -d 'Ask the other side for a certificate that one in FILE has signed' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-client -d 'Choose whether it needs a certificate (default: required)' -r -f -a "optional\t'A client may have no certificate'
required\t'Each client must have a certificate'"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s s -l source -d 'Connect from local address ADDR, from PORT, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l interface -d 'Use network interface NAME only' -r -f -a "(__fish_print_interfaces)"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l reuseaddr -d 'Allow listening on a port that has connections in TIME_WAIT' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l keepalive -d 'Probe an idle connection to detect a dead peer' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l keepalive-time -d 'Send the first keepalive probe after DURATION without traffic' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l keepalive-intvl -d 'Wait DURATION between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l keepalive-cnt -d 'Close the connection after N unanswered keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l cork -d 'Hold back partial segments until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l sndbuf -d 'Set the send buffer to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l rcvbuf -d 'Set the receive buffer, which limits the window, to SIZE bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l mss -d 'Limit a segment to BYTES bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l linger -d 'Wait up to DURATION for unsent data when closing' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l user-timeout -d 'Close the connection if data is unacknowledged for DURATION' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l congestion -d 'Use congestion control algorithm NAME' -r -f -a "(string split -n ' ' < /proc/sys/net/ipv4/tcp_available_congestion_control)"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tos -d 'Set the type of service (IPv4) or traffic class (IPv6) to VALUE' -r -f -a "lowdelay\t''
throughput\t''
reliability\t''
critical\t''
inetcontrol\t''
netcontrol\t''
ef\t''
cs0\t''
cs1\t''
cs2\t''
cs3\t''
cs4\t''
cs5\t''
cs6\t''
cs7\t''
af11\t''
af12\t''
af13\t''
af21\t''
af22\t''
af23\t''
af31\t''
af32\t''
af33\t''
af41\t''
af42\t''
af43\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l ttl -d 'Limit packets to N hops' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l backlog -d 'Let at most N connections wait to be accepted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l stats -d 'Print a summary on stderr at the end, as text or JSON' -r -f -a "text\t'Lines for people'
json\t'One JSON object in one line'"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l trace -d 'Write one JSON object per event to FILE (-: to stderr)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l trace-data -d 'Record no bytes, the first 64 or all bytes of each event' -r -f -a "none\t''
head\t''
all\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l timeline -d 'Draw the writes, segments and reads into FILE.svg' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l timeline-view -d 'Draw lanes of calls, or arrows between client and server' -r -f -a "lanes\t'Lanes of calls on an axis of time'
ladder\t'Arrows between client and server'"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l pcap -d 'Write packets to FILE, for Wireshark' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l dump -d 'Write received and sent bytes to files in DIR: 1-in, 1-out' -r -f -a "(__fish_complete_directories)"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s k -l keep-open -d 'Serve one transfer after the other, until SIGINT or SIGTERM'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls -d 'Encrypt with TLS, and verify the server\'s certificate'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l quiet -d 'Print only errors, and warnings of unsafe options'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l tls-insecure -d 'Accept any certificate: the server may be anybody'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l nagle -d 'Join small segments while data is unacknowledged, even when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l show-options -d 'Print each socket option as requested and as the kernel has it'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s v -l verbose -d 'Log events on stderr; twice: also writes and reads with their bytes'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -l progress -d 'Print bytes, rate and time left of a transfer on stderr'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s x -l hex -d 'Print sent and received bytes on stderr, as xxd does'
complete -c secretcat -n "__fish_secretcat_using_subcommand receive" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -l room -d 'Print only messages of room NAME' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -l since -d 'Print only messages since TIME' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -l grep -d 'Print only messages in which REGEX matches' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -l last -d 'Print only the last N messages' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -l json -d 'Print the JSON lines as they are in the file'
complete -c secretcat -n "__fish_secretcat_using_subcommand history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand timeline" -s o -l output -d 'Write the picture to FILE.svg (-: stdout, the default)' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand timeline" -l timeline-view -d 'Draw lanes of calls, or arrows between client and server' -r -f -a "lanes\t'Lanes of calls on an axis of time'
ladder\t'Arrows between client and server'"
complete -c secretcat -n "__fish_secretcat_using_subcommand timeline" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand timeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand passwd" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand passwd" -l delete -d 'Delete the user'
complete -c secretcat -n "__fish_secretcat_using_subcommand passwd" -l stdin -d 'Read the password from the first line of stdin'
complete -c secretcat -n "__fish_secretcat_using_subcommand passwd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand witness" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand witness" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand man" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand man" -l list -d 'Print the file names of all pages'
complete -c secretcat -n "__fish_secretcat_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand completions" -l color -d 'Use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect listen sweep" -a '(__fish_secretcat_addresses)'
complete -c secretcat -n "__fish_secretcat_using_subcommand man" -a 'completions connect history lab listen man passwd receive send sweep timeline trace witness secretcat'
complete -c secretcat -n "__fish_secretcat_using_subcommand completions" -a 'bash zsh fish elvish nushell powershell'
