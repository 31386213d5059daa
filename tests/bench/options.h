/* SPDX-License-Identifier: Apache-2.0 */
/* What the load generator was asked to do. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

struct options {
    const char *mode;
    const char *certificate; /* PEM, the client's own */
    const char *key;         /* PEM */
    const char *ciphers;     /* OpenSSL cipher list: selects RSA or ECDSA */
    const char *uids;        /* file of Unique Identifiers: read, by fill written */
    double seconds;          /* length of the measured window */
    double warmup;           /* seconds of the same load before it */
    double pace;             /* storm: seconds between two Gets */
    double pause;            /* get, echo: seconds between the last handshake and the first request */
    double linger;           /* seconds from the last answer until the server's CPU time is read */
    unsigned port;
    unsigned pid; /* server whose CPU time is measured; 0: none */
    unsigned connections;
    unsigned requests;   /* instead of seconds: this many requests in all; 0: by time */
    unsigned steered;    /* get, echo: a window for each byte of standard input, until that ends */
    unsigned sequential; /* take identifiers in order, not at random */
    unsigned each;       /* handshake, resume: Gets on each connection */
    unsigned first;      /* create, fill, locate-name: number of the first object */
    unsigned count;      /* fill, locate-name: number of objects */
    unsigned batch;      /* create, fill: Creates a message */
    unsigned name_every; /* create, fill, locate-name: every n-th object has a Name; 0: none */
};

/* Ends the process with a usage text if the arguments are wrong. */
void options_read(struct options *o, int argc, char **argv);

#endif
