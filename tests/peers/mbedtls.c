// A TLS server with Mbed TLS: sends back what it receives, one client at a time.
// cc mbedtls.c -o server -lmbedtls -lmbedx509 -lmbedcrypto; server CERT KEY
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>

int main(int argc, char **argv) {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    mbedtls_ssl_config config;
    mbedtls_net_context listener;
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&cert);
    mbedtls_pk_init(&key);
    mbedtls_ssl_config_init(&config);
    signal(SIGPIPE, SIG_IGN);
    if (argc != 3 || mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL, 0) ||
        mbedtls_x509_crt_parse_file(&cert, argv[1]) || mbedtls_pk_parse_keyfile(&key, argv[2], NULL) ||
        mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM, 0) ||
        mbedtls_ssl_conf_own_cert(&config, &cert, &key)) return 2;
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    listener.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener.fd, (struct sockaddr *)&at, len) || listen(listener.fd, 128)) return 2;
    getsockname(listener.fd, (struct sockaddr *)&at, &len);
    fprintf(stderr, "listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    for (;;) {
        unsigned char bytes[4096];
        int got;
        mbedtls_net_context client;
        mbedtls_ssl_context ssl;
        mbedtls_net_init(&client);
        mbedtls_ssl_init(&ssl);
        if (mbedtls_ssl_setup(&ssl, &config) || mbedtls_net_accept(&listener, &client, NULL, 0, NULL)) return 1;
        mbedtls_ssl_set_bio(&ssl, &client, mbedtls_net_send, mbedtls_net_recv, NULL);
        if (!mbedtls_ssl_handshake(&ssl)) {
            while ((got = mbedtls_ssl_read(&ssl, bytes, sizeof bytes)) > 0) mbedtls_ssl_write(&ssl, bytes, got);
            mbedtls_ssl_close_notify(&ssl);
        }
        mbedtls_net_free(&client);
        mbedtls_ssl_free(&ssl);
    }
}
