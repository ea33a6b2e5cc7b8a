complete -c secretcat -f
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

complete -c secretcat -n "__fish_secretcat_needs_command" -l color -d 'When to use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_needs_command" -s V -l version -d 'Print version'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "listen" -d 'Answer messages: serve any number of clients at once until SIGINT or SIGTERM'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "connect" -d 'Send messages and show the replies: a conversation at a terminal, a filter in a script'
complete -c secretcat -n "__fish_secretcat_needs_command" -f -a "sweep" -d 'Send the same messages under every cut and say whether the replies stay the same'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l service -d 'What to answer' -r -f -a "secret\t'The digits of every line that contains SECRET, and their count'
echo\t'What is sent, sent back (RFC 862)'
discard\t'Nothing: read and forget (RFC 863)'
source\t'Bytes without end (RFC 864)'
chat\t'Every line, to everybody else'
pipe\t'stdin and stdout, as nc -l'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l bug -d 'Make a mistake on purpose: the control that shows that a test can fail' -r -f -a "one-read\t'Take what one read returns for one message'
first-only\t'Answer the first message of a read and drop the others'
drop-tail\t'Drop what follows the last line feed of a read'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l relay -d 'Forward every connection to this server, byte for byte, and cut what passes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut-toward -d 'The direction that a relay cuts' -r -f -a "server\t'What goes to the server'
client\t'What goes to the client'
both\t'What goes either way'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l framing -d 'How messages are told apart: lines, http, length:u8|u16|u32[le], raw' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l count -d 'With source: send so many bytes on each connection' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l threads -d 'Serve with so many event loops, each on a thread; 0 is one for each processor' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l max-connections -d 'Serve so many clients at once; more wait until others end' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l allow -d 'Serve only clients of these networks (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l deny -d 'Turn clients of these networks away, whatever --allow says (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l max-message -d 'Largest message taken, its line ending not counted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s w -l idle-timeout -d 'Give a connection up when nothing came or went for so long' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l busy-poll -d 'Before sleeping, look for events so long, as long as that finds some; 0 sleeps at once' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l chunk -d 'Write pieces of so many bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cut -d 'Cut each message at these offsets' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l coalesce -d 'Join so many messages before they are cut and written' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s i -l delay -d 'Pause between two writes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l barrier -d 'Before the next write, wait until the last one has got so far' -r -f -a "none\t'Do not wait'
acked\t'The peer\'s kernel has acknowledged it'
peer-read\t'The peer\'s program has read it; seen on the same host only'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l seed -d 'Make every random choice repeatable' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l plan -d 'Take the plan from a file that --trace or sweep wrote' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l read-size -d 'Read at most so many bytes at once' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l read-delay -d 'Pause between two reads' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l read-start-delay -d 'Pause before the first read' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s s -l source -d 'Connect from this local address, port, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l interface -d 'Use this network interface only' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l reuseaddr -d 'Whether a port with closed connections on it may be listened on at once' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive -d 'Probe an idle connection to see whether the peer is still there' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive-time -d 'Idle time before the first keepalive probe' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive-intvl -d 'Time between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l keepalive-cnt -d 'Unanswered keepalive probes until the connection is given up' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l cork -d 'Hold partial segments back until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l sndbuf -d 'Size of the send buffer' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l rcvbuf -d 'Size of the receive buffer, which limits the window' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l mss -d 'Largest segment' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l linger -d 'How long closing waits for data that was not sent yet' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l user-timeout -d 'How long sent data may stay unacknowledged' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l congestion -d 'Congestion control algorithm' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l tos -d 'Type of service (IPv4) or traffic class (IPv6)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l ttl -d 'Hops that packets may take' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l backlog -d 'Connections that may wait to be accepted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l trace -d 'Write one JSON object a line for everything that happens; - is stderr' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l trace-data -d 'Put no bytes, the first 64 or all bytes of each event into the trace' -r -f -a "none\t''
head\t''
all\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l timeline -d 'Draw what happened, as an SVG picture' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l color -d 'When to use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s U -l unix -d 'ADDRESS is the path of a unix socket'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l once -d 'Serve one connection, then end'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s k -l keep-open -d 'With pipe: go on with the next connection when one has ended'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l nagle -d 'Join small segments while data is unacknowledged, also when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l show-options -d 'Print each socket option as requested and as the kernel has it'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s v -l verbose -d 'Log events on stderr; twice: each write and read too, with its bytes'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l quiet -d 'Tell nothing on stderr but errors'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l progress -d 'Tell on stderr how far a transfer has come: bytes, rate, time left'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -l stats -d 'Show a summary on stderr at the end'
complete -c secretcat -n "__fish_secretcat_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s m -l message -d 'Send this message, and read none from stdin (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l framing -d 'How messages and replies are told apart: lines, http, length:u8|u16|u32[le]' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l replies -d 'Expect N replies to each message; any: do not count them' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l greeting -d 'Expect N replies before the first message is answered' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s q -l quit-after -d 'Leave this long after the end of the input, whatever has come by then' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l connect-timeout -d 'Give up connecting after so long, name lookup and all addresses included' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l retry -d 'Try a failed connection again, so many times' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l retry-delay -d 'Pause before each further try' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l timeout -d 'Give up when a reply takes longer' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l max-message -d 'Largest message taken, its line ending not counted' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s w -l idle-timeout -d 'Give a connection up when nothing came or went for so long' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l busy-poll -d 'Before sleeping, look for events so long, as long as that finds some; 0 sleeps at once' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l chunk -d 'Write pieces of so many bytes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cut -d 'Cut each message at these offsets' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l coalesce -d 'Join so many messages before they are cut and written' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s i -l delay -d 'Pause between two writes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l barrier -d 'Before the next write, wait until the last one has got so far' -r -f -a "none\t'Do not wait'
acked\t'The peer\'s kernel has acknowledged it'
peer-read\t'The peer\'s program has read it; seen on the same host only'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l seed -d 'Make every random choice repeatable' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l plan -d 'Take the plan from a file that --trace or sweep wrote' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l read-size -d 'Read at most so many bytes at once' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l read-delay -d 'Pause between two reads' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l read-start-delay -d 'Pause before the first read' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s s -l source -d 'Connect from this local address, port, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l interface -d 'Use this network interface only' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reuseaddr -d 'Whether a port with closed connections on it may be listened on at once' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive -d 'Probe an idle connection to see whether the peer is still there' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive-time -d 'Idle time before the first keepalive probe' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive-intvl -d 'Time between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l keepalive-cnt -d 'Unanswered keepalive probes until the connection is given up' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l cork -d 'Hold partial segments back until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l sndbuf -d 'Size of the send buffer' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l rcvbuf -d 'Size of the receive buffer, which limits the window' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l mss -d 'Largest segment' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l linger -d 'How long closing waits for data that was not sent yet' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l user-timeout -d 'How long sent data may stay unacknowledged' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l congestion -d 'Congestion control algorithm' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l tos -d 'Type of service (IPv4) or traffic class (IPv6)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l ttl -d 'Hops that packets may take' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s p -l source-port -d 'Connect from this port' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l trace -d 'Write one JSON object a line for everything that happens; - is stderr' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l trace-data -d 'Put no bytes, the first 64 or all bytes of each event into the trace' -r -f -a "none\t''
head\t''
all\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l timeline -d 'Draw what happened, as an SVG picture' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l color -d 'When to use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s U -l unix -d 'ADDRESS is the path of a unix socket'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l loopback -d 'Talk to a message listener of one\'s own, started for this run'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s z -l check -d 'Check that a server accepts the connection, and send nothing'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l raw -d 'No messages: bytes both ways, as nc does'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s C -l crlf -d 'End messages with CR LF'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l no-quit-words -d 'Send q, quit, close, quit() and close() like other messages'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reconnect -d 'Connect again when a conversation loses its connection'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s N -l shutdown -d 'Half-close when the input ends, also where stdin is not read'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l no-shutdown -d 'Do not half-close when the input ends'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l shutdown-with-last -d 'Send the end of the input in the segment of its last byte, where the kernel can (--raw)'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l nagle -d 'Join small segments while data is unacknowledged, also when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l show-options -d 'Print each socket option as requested and as the kernel has it'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s v -l verbose -d 'Log events on stderr; twice: each write and read too, with its bytes'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l quiet -d 'Tell nothing on stderr but errors'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l progress -d 'Tell on stderr how far a transfer has come: bytes, rate, time left'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -l stats -d 'Show a summary on stderr at the end'
complete -c secretcat -n "__fish_secretcat_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s m -l message -d 'A message to send (repeatable); without it messages are read from stdin' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l framing -d 'How messages and replies are told apart: lines, http, length:u8|u16|u32[le], raw' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l mask -d 'What may differ between replies, as a regular expression (repeatable)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l max-plans -d 'Try so many plans at the most' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l seed -d 'Choose which plans, where there are more' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s j -l jobs -d 'Hold so many conversations at once' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l timeout -d 'Give a conversation up when nothing moved for so long' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l max-message -d 'Largest reply taken' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l junit -d 'Also write them as JUnit XML' -r -F
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s s -l source -d 'Connect from this local address, port, or both' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l interface -d 'Use this network interface only' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l reuseaddr -d 'Whether a port with closed connections on it may be listened on at once' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l reuseport -d 'Share the port with other listeners' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l v6only -d 'Refuse IPv4 clients on an IPv6 address' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive -d 'Probe an idle connection to see whether the peer is still there' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive-time -d 'Idle time before the first keepalive probe' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive-intvl -d 'Time between two keepalive probes' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l keepalive-cnt -d 'Unanswered keepalive probes until the connection is given up' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l cork -d 'Hold partial segments back until they are full' -r -f -a "on\t''
off\t''"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l sndbuf -d 'Size of the send buffer' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l rcvbuf -d 'Size of the receive buffer, which limits the window' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l mss -d 'Largest segment' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l linger -d 'How long closing waits for data that was not sent yet' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l user-timeout -d 'How long sent data may stay unacknowledged' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l congestion -d 'Congestion control algorithm' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l tos -d 'Type of service (IPv4) or traffic class (IPv6)' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l ttl -d 'Hops that packets may take' -r -f
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l color -d 'When to use colour on stderr and in help' -r -f -a "auto\t'On a terminal, unless `NO_COLOR` is set'
always\t'Always'
never\t'Never'"
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s C -l crlf -d 'End messages of -m with CR LF'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l json -d 'Tell the findings as JSON'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l quiet -d 'Show no progress'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s 4 -l ipv4 -d 'Use IPv4 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s 6 -l ipv6 -d 'Use IPv6 only'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l nodelay -d 'Send small segments at once'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l nagle -d 'Join small segments while data is unacknowledged, also when cutting'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -l reset-on-close -d 'Reset the connection when closing it'
complete -c secretcat -n "__fish_secretcat_using_subcommand sweep" -s h -l help -d 'Print help (see more with \'--help\')'
