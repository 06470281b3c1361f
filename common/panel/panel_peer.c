/* SPDX-License-Identifier: MIT */
#include "panel/panel_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* Linux 4.13 */
#endif

/* Groups of one user, at most: NGROUPS_MAX of the kernel. */
#define GROUPS_MAX 65536

int panel_peer_read(int fd, struct panel_peer *out)
{
	struct ucred credentials;
	socklen_t n = sizeof(credentials);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &n) < 0)
		return -errno;
	*out = (struct panel_peer){credentials.uid, credentials.gid, credentials.pid};
	return 0;
}

/* Those beside the one that SO_PEERCRED has. */
static bool peer_has_group(int fd, gid_t group)
{
	socklen_t n = 0;
	/* Asked without room it says how much is needed. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &group, &n) == 0 || errno != ERANGE ||
		n > GROUPS_MAX * sizeof(gid_t))
		return false;
	auto_free gid_t *groups = malloc(n);
	if (!groups || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) < 0)
		return false;
	for (size_t i = 0; i < n / sizeof(gid_t); i++)
		if (groups[i] == group)
			return true;
	return false;
}

bool panel_peer_may(int fd, const struct panel_peer *peer, const struct panel_socket_options *o)
{
	if (peer->uid == 0 || peer->uid == geteuid())
		return true;
	return o->group_given && (peer->gid == o->group || peer_has_group(fd, o->group));
}
