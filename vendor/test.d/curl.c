/* SPDX-License-Identifier: Apache-2.0
 *
 * What is libcurl made of, and does it fetch a page, by name and through a proxy?
 */
#include <ares.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void result(int good, const char *what) {
	printf("%s %s\n", good ? "ok" : "not ok", what);
}

static size_t body(char *data, size_t size, size_t count, void *to) {
	strncat(to, data, size * count < 8 ? size * count : 8);
	return size * count;
}

/* Reads the head of a request: whether it came and has all of `wanted`. */
static int reads_head(int peer, const char *const *wanted) {
	char head[2048];
	size_t have = 0;

	do {
		ssize_t n = read(peer, head + have, sizeof head - 1 - have);

		if (n <= 0)
			return 0;
		have += (size_t)n;
		head[have] = 0;
	} while (!strstr(head, "\r\n\r\n") && have < sizeof head - 1);
	for (; *wanted; ++wanted)
		if (!strstr(head, *wanted))
			return 0;
	return 1;
}

static int says(int peer, const char *text) {
	return write(peer, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A process with a server for one connection. As a proxy it opens the tunnel first and is the far end itself. */
static pid_t serve_once(int proxy, int *port) {
	static const char *const page[] = {"GET / HTTP/1.1\r\n", NULL};
	static const char *const tunnel[] = {"CONNECT far.example:443 HTTP/1.1\r\n",
		"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n", NULL};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), peer;
	pid_t server;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(listener, (struct sockaddr *)&address, sizeof address);
	listen(listener, 4);
	getsockname(listener, (struct sockaddr *)&address, &length);
	*port = ntohs(address.sin_port);
	fflush(stdout);
	server = fork();
	if (server != 0) {
		close(listener);
		return server;
	}
	alarm(20);
	peer = accept(listener, NULL, NULL);
	if (proxy && !(reads_head(peer, tunnel) && says(peer, "HTTP/1.1 200 Connection established\r\n\r\n")))
		_exit(1);
	if (!(reads_head(peer, page) && says(peer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")))
		_exit(1);
	_exit(0);
}

static void fetch(const char *what, int proxy) {
	char url[64], got[32] = "";
	int port;
	pid_t server = serve_once(proxy, &port);
	CURL *easy = curl_easy_init();
	CURLcode code = CURLE_OK;

	snprintf(url, sizeof url, "http://localhost:%d/", port);
	if (proxy) {
		code = curl_easy_setopt(easy, CURLOPT_PROXY, url);
		if (!code)
			code = curl_easy_setopt(easy, CURLOPT_PROXYUSERPWD, "user:pass");
		if (!code)
			code = curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
		snprintf(url, sizeof url, "http://far.example:443/");
	}
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)got);
	if (!code)
		code = curl_easy_perform(easy);
	if (code)
		fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(code));
	result(code == CURLE_OK && strcmp(got, "hi") == 0, what);
	curl_easy_cleanup(easy);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

int main(void) {
	curl_version_info_data *info;
	char protocols[256] = "";
	int i;

	result(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS, "c-ares starts");
	result(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "curl starts");
	info = curl_version_info(CURLVERSION_NOW);
	result(strcmp(info->version, LIBCURL_VERSION) == 0, "curl is the version of its header");
	result(info->ssl_version && strcmp(info->ssl_version, "BearSSL") == 0, "curl speaks TLS with BearSSL");
	result(info->ares && strcmp(info->ares, ARES_VERSION_STR) == 0, "curl looks names up with c-ares");
	for (i = 0; info->protocols[i]; ++i) {
		strcat(protocols, info->protocols[i]);
		strcat(protocols, " ");
	}
	result(strcmp(protocols, "http https ") == 0, "curl speaks HTTP and HTTPS only");
	result((info->features & (CURL_VERSION_HTTPS_PROXY | CURL_VERSION_SPNEGO | CURL_VERSION_NTLM | CURL_VERSION_ALTSVC |
		CURL_VERSION_HSTS | CURL_VERSION_PSL)) == CURL_VERSION_HTTPS_PROXY, "curl knows HTTPS proxies, and no more than it needs");
	fetch("curl fetches a page by name", 0);
	fetch("curl goes through the tunnel of a proxy with a password", 1);
	return 0;
}
