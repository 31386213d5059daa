/* SPDX-License-Identifier: Apache-2.0
 *
 * What is libcurl made of, and does it fetch a page by name?
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

static void fetch(void) {
	static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	char url[64], got[32] = "", junk[1024];
	pid_t server;
	CURL *easy = curl_easy_init();
	CURLcode code;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(listener, (struct sockaddr *)&address, sizeof address);
	listen(listener, 4);
	getsockname(listener, (struct sockaddr *)&address, &length);
	fflush(stdout);
	server = fork();
	if (server == 0) {
		int peer = accept(listener, NULL, NULL);

		alarm(20);
		if (peer >= 0 && read(peer, junk, sizeof junk) > 0 && write(peer, page, sizeof page - 1) > 0)
			_exit(0);
		_exit(1);
	}
	snprintf(url, sizeof url, "http://localhost:%d/", ntohs(address.sin_port));
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)got);
	code = curl_easy_perform(easy);
	if (code)
		fprintf(stderr, "%s: %s\n", url, curl_easy_strerror(code));
	result(code == CURLE_OK && strcmp(got, "hi") == 0, "curl fetches a page by name");
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
	fetch();
	return 0;
}
