# SPDX-License-Identifier: Apache-2.0
# What the two ways of `make run` share; read by them, not run.

# client FOLDER: a certificate like vCenter's own: self-signed, RSA 2048, no Extended Key Usage. Kept between runs.
client() {
	[ -s "$1/client.pem" ] && return
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=kmipClient \
		-keyout "$1/client.key" -out "$1/client.pem" 2>/dev/null
	chmod 600 "$1/client.key"
}

# enrol FOLDER STATE: the client of FOLDER may use the server of STATE, which has no other clients yet.
enrol() {
	[ -s "$2/clients.conf" ] || printf 'set client demo certificate %s\n' \
		"$(openssl x509 -in "$1/client.pem" -outform DER | base64 -w0)" >"$2/clients.conf"
}

# serves BINARY STATE PID LOG: waits until the server's console answers.
serves() {
	tries=0
	until "$1" console --socket "$2/control.sock" show version >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 200 ] || ! kill -0 "$3" 2>/dev/null; then
			echo "the server did not start; the end of $4:" >&2
			tail -n 5 "$4" >&2
			return 1
		fi
		sleep 0.1
	done
}

# thumbprints STATE: as vCenter shows them.
thumbprints() {
	for name in rsa ec; do
		echo "$1/server-$name.pem"
		openssl x509 -in "$1/server-$name.pem" -noout -fingerprint
		openssl x509 -in "$1/server-$name.pem" -noout -fingerprint -sha256
	done
}
