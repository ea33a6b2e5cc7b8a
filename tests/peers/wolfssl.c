// A TLS server with wolfSSL: sends back what it receives, one client at a time.
// cc wolfssl.c -o server -lwolfssl; server CERT KEY
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (argc != 3 || bind(listener, (struct sockaddr *)&at, len) || listen(listener, 128)) return 2;
    getsockname(listener, (struct sockaddr *)&at, &len);
    signal(SIGPIPE, SIG_IGN);
    wolfSSL_Init();
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfSSLv23_server_method());
    if (wolfSSL_CTX_use_certificate_file(ctx, argv[1], SSL_FILETYPE_PEM) != SSL_SUCCESS ||
        wolfSSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != SSL_SUCCESS) return 2;
    fprintf(stderr, "listening on 127.0.0.1:%d\n", ntohs(at.sin_port));
    for (;;) {
        char bytes[4096];
        int got, client = accept(listener, NULL, NULL);
        WOLFSSL *ssl = wolfSSL_new(ctx);
        wolfSSL_set_fd(ssl, client);
        if (wolfSSL_accept(ssl) == SSL_SUCCESS) {
            while ((got = wolfSSL_read(ssl, bytes, sizeof bytes)) > 0) wolfSSL_write(ssl, bytes, got);
            wolfSSL_shutdown(ssl);
        }
        wolfSSL_free(ssl);
        close(client);
    }
}
