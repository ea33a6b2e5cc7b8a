// A Modbus TCP server with libmodbus: unit 1, 100 values of each kind, one client at a time.
// cc modbus.c -o server -lmodbus
#include <modbus/modbus.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    modbus_t *server = modbus_new_tcp("127.0.0.1", 502);
    modbus_mapping_t *values = modbus_mapping_new(100, 100, 100, 100);
    if (!server || !values || bind(listener, (struct sockaddr *)&at, len) || listen(listener, 128)) return 2;
    for (int i = 0; i < 100; i++) {
        values->tab_bits[i] = i % 2;
        values->tab_input_bits[i] = i % 3 == 0;
        values->tab_registers[i] = i;
        values->tab_input_registers[i] = 1000 + i;
    }
    getsockname(listener, (struct sockaddr *)&at, &len);
    fprintf(stderr, "listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    while (modbus_tcp_accept(server, &listener) >= 0) {
        uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
        int got;
        while ((got = modbus_receive(server, request)) >= 0)
            if (got && modbus_reply(server, request, got, values) < 0) break;
        modbus_close(server);
    }
}
