/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets under the DHCP client: frames while there is no address, UDP while there is one. At most one is
 * open, and none while a lease just lasts: what is not asked for cannot be flooded.
 */
#ifndef HOLDFAST_INIT_DHCP_SOCKET_H
#define HOLDFAST_INIT_DHCP_SOCKET_H

#include "init/dhcp.h"

struct dhcp_socket {
    int fd; /* -1: closed */
    enum dhcp_way way;
    int index; /* of the interface */
    char name[16];
};

void dhcp_socket_init(struct dhcp_socket *s, int index, const char *name);
void dhcp_socket_use(struct dhcp_socket *s, enum dhcp_way way);
void dhcp_socket_send(struct dhcp_socket *s, struct span message, uint32_t to);
/* The next message that is there; false: none. `buffer` holds it. */
MUST_USE bool dhcp_socket_next(struct dhcp_socket *s, uint8_t buffer[DHCP_FRAME_MAX], struct span *message);

#endif
