// Servers of npm: `corpus.js NAME` starts one on a free port of 127.0.0.1.
//
// It prints `listening on ADDRESS:PORT` on stderr when it is ready. .ci/corpus.sh installs the packages, and NODE_PATH
// names their folder.
'use strict';

const { once } = require('events');
const net = require('net');

const LOOPBACK = '127.0.0.1';

function ready(port) {
    console.error(`listening on ${LOOPBACK}:${port}`);
}

function listen(server) {
    server.on('connection', socket => socket.on('error', () => {}));
    server.listen(0, LOOPBACK, () => ready(server.address().port));
}

// A port that is free now, for servers that have to know theirs.
async function freePort() {
    const server = net.createServer();
    await once(server.listen(0, LOOPBACK), 'listening');
    const { port } = server.address();
    await once(server.close(), 'close');
    return port;
}

const servers = {
    async aedes() {
        const { Aedes } = require('aedes');
        const broker = await Aedes.createBroker();
        listen(net.createServer(broker.handle));
    },

    async ftp_srv() {
        const FtpServer = require('ftp-srv');
        const log = { child: () => log };
        for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) log[level] = () => {};
        const port = await freePort();
        const server = new FtpServer({ url: `ftp://${LOOPBACK}:${port}`, anonymous: true, log });
        server.on('client-error', () => {});
        await server.listen();
        ready(port);
    },

    http() {
        listen(require('http').createServer((request, response) => {
            let length = 0;
            request.on('data', data => length += data.length);
            request.on('end', () => {
                const content = `${request.method} ${request.url}: ${length} bytes\n`;
                response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': content.length });
                response.end(content);
            });
        }));
    },

    jsmodbus() {
        const { server: { TCP } } = require('jsmodbus');
        const server = new net.Server();
        const bytes = Buffer.from(Array.from({ length: 200 }, (_, index) => index));
        new TCP(server, { holding: bytes, input: bytes, coils: bytes, discrete: bytes });
        listen(server);
    },

    async modbus_serial() {
        const { ServerTCP } = require('modbus-serial');
        const values = {
            getCoil: address => address % 3 === 0,
            getDiscreteInput: address => address % 2 === 0,
            getHoldingRegister: address => address,
            getInputRegister: address => 2 * address,
        };
        const port = await freePort();
        const server = new ServerTCP(values, { host: LOOPBACK, port, unitID: 1 });
        server.on('socketError', () => {});
        server.on('initialized', () => ready(port));
    },

    smtp_server() {
        const { SMTPServer } = require('smtp-server');
        const server = new SMTPServer({
            authOptional: true,
            disableReverseLookup: true,
            disabledCommands: ['AUTH', 'STARTTLS'],
            name: 'corpus.test',
        });
        server.on('error', () => {});
        server.listen(0, LOOPBACK, () => ready(server.server.address().port));
    },

    ws() {
        const server = require('http').createServer();
        const { WebSocketServer } = require('ws');
        new WebSocketServer({ server }).on('connection', socket => {
            socket.on('error', () => {});
            socket.on('message', (message, binary) => socket.send(message, { binary }));
        });
        listen(server);
    },
};

servers[process.argv[2]]();
